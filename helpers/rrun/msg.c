/* Messages over SOCK_SEQPACKET; see msg.h for who says what. */
#include "msg.h"

static bool send_parts(int fd, char type, const void *data, size_t len, const int *fds)
{
	struct iovec parts[2] = { { &type, 1 }, { (void *)(uintptr_t)data, len } };
	union {
		char space[CMSG_SPACE(2 * sizeof(int))];
		struct cmsghdr align;
	} control;
	struct msghdr header = { .msg_iov = parts, .msg_iovlen = 2 };
	ssize_t sent;

	if (fds) {
		struct cmsghdr *cmsg;

		memset(&control, 0, sizeof(control));
		header.msg_control = control.space;
		header.msg_controllen = sizeof(control.space);
		cmsg = CMSG_FIRSTHDR(&header);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(2 * sizeof(int));
		memcpy(CMSG_DATA(cmsg), fds, 2 * sizeof(int));
	}
	do {
		sent = sendmsg(fd, &header, MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	return sent >= 0;
}

bool msg_send(int fd, char type, const void *data, size_t len)
{
	return send_parts(fd, type, data, len, NULL);
}

bool msg_send_fds(int fd, char type, const int fds[2])
{
	return send_parts(fd, type, NULL, 0, fds);
}

static void take_control(struct msghdr *header, struct msg *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(header); c; c = CMSG_NXTHDR(header, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred credentials;

			memcpy(&credentials, CMSG_DATA(c), sizeof(credentials));
			msg->pid = credentials.pid;
		} else if (c->cmsg_type == SCM_RIGHTS) {
			size_t count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

			memcpy(msg->fds, CMSG_DATA(c), (count > 2 ? 2 : count) * sizeof(int));
		}
	}
}

bool msg_recv(int fd, struct msg *msg, int flags)
{
	struct iovec parts[2] = { { &msg->type, 1 }, { msg->data, sizeof(msg->data) } };
	union {
		char space[CMSG_SPACE(2 * sizeof(int)) + CMSG_SPACE(sizeof(struct ucred))];
		struct cmsghdr align;
	} control;
	struct msghdr header = {
		.msg_iov = parts,
		.msg_iovlen = 2,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	ssize_t got;

	msg->pid = 0;
	msg->fds[0] = msg->fds[1] = -1;
	do {
		got = recvmsg(fd, &header, flags | MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	if (got < 0 && errno == EAGAIN)
		return false;
	if (got <= 0) {
		msg->type = 0;
		msg->len = 0;
		return true;
	}
	msg->len = (size_t)got - 1;
	take_control(&header, msg);
	return true;
}
