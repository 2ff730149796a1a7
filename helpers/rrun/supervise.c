/* Stays with a running container: copies its streams, passes signals on, serves clients, sees it end. */
#include "monitor.h"

#include "terminal.h"

#include <sys/ioctl.h>

/* A signal that was sent to the whole tree reaches the keeper within this time; see keeper.c. */
#define SIGNAL_DELAY_MS 30
/* A client that does not read must not keep an ended container. */
#define LAST_OUTPUT_MS 10000

static void drop_client(struct monitor *m, int index)
{
	close(m->clients[index]);
	m->clients[index] = -1;
	for (int i = 0; i < 2; i++)
		m->out[i].to_clients &= ~(1u << index);
}

static void set_window(const struct monitor *m, const unsigned short size[2])
{
	struct winsize window = { .ws_row = size[0], .ws_col = size[1] };

	if (m->terminal[0] >= 0)
		(void)ioctl(m->terminal[0], TIOCSWINSZ, &window);
}

static void set_own_window(const struct monitor *m)
{
	unsigned short size[2];

	if (m->foreground && terminal_size(size))
		set_window(m, size);
}

static void signal_command(const struct monitor *m, int number)
{
	unsigned char byte = (unsigned char)number;

	(void)msg_send(m->ctl, 'S', &byte, 1);
}

static void take_signal(struct monitor *m)
{
	int number = monitor_take_signal(m);

	if (number == SIGWINCH)
		set_own_window(m);
	else if (number > 0 && number != SIGPIPE && number != SIGURG && m->signal_due_ms[number] == 0)
		m->signal_due_ms[number] = monotonic_ms() + SIGNAL_DELAY_MS;
}

/* Passes on what is due; returns the time until the next, or -1. */
static int pass_due_signals(struct monitor *m)
{
	long long now = monotonic_ms();
	int next = -1;

	for (int number = 1; number < NSIG; number++) {
		if (m->signal_due_ms[number] == 0)
			continue;
		if (m->signal_due_ms[number] <= now) {
			m->signal_due_ms[number] = 0;
			signal_command(m, number);
		} else if (next < 0 || m->signal_due_ms[number] - now < next) {
			next = (int)(m->signal_due_ms[number] - now);
		}
	}
	return next;
}

/* With a terminal there is no end of file to give: only a pipe has one. */
static void end_input(struct monitor *m)
{
	m->in.end = true;
	m->in.local = -1;
	if (m->in.len == 0 && m->terminal[0] < 0 && m->in.to >= 0) {
		close(m->in.to);
		m->in.to = -1;
	}
}

static void take_client(struct monitor *m, int index)
{
	static struct msg msg;
	unsigned short size[2];

	if (!msg_recv(m->clients[index], &msg, MSG_DONTWAIT))
		return;
	switch (msg.type) {
	case 'i':
		if (m->in.to >= 0 && !m->in.end) {
			memcpy(m->in.data, msg.data, msg.len);
			m->in.len = msg.len;
			m->in.done = 0;
		}
		break;
	case 'e':
		end_input(m);
		break;
	case 'w':
		if (msg.len == sizeof(size)) {
			memcpy(size, msg.data, sizeof(size));
			set_window(m, size);
		}
		break;
	case 's':
		if (msg.len == 1)
			signal_command(m, (unsigned char)msg.data[0]);
		break;
	case 0:
		drop_client(m, index);
		break;
	default:
		break;
	}
}

static void accept_client(struct monitor *m)
{
	int fd = accept4(m->listen, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct ucred peer;
	socklen_t len = sizeof(peer);

	if (fd < 0)
		return;
	/* The directory is the user's alone; this is the second lock on the door. */
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && (peer.uid == getuid() || peer.uid == 0)) {
		for (int i = 0; i < CLIENTS_MAX; i++) {
			if (m->clients[i] >= 0)
				continue;
			m->clients[i] = fd;
			(void)msg_send(fd, 'S', NULL, 0);
			return;
		}
	}
	close(fd);
}

static void close_channel(struct channel *channel)
{
	if (channel->from >= 0)
		close(channel->from);
	channel->from = -1;
}

/* Reads once. When the command has ended, an empty pipe is at its end: who still holds it is not in the container. */
static void read_channel(struct monitor *m, int which)
{
	struct channel *channel = &m->out[which];
	ssize_t got = read(channel->from, channel->data, sizeof(channel->data));

	if (got < 0 && (errno == EINTR || (errno == EAGAIN && !m->ended)))
		return;
	if (got <= 0) {
		close_channel(channel);
		return;
	}
	channel->len = (size_t)got;
	channel->local_done = channel->local < 0 ? channel->len : 0;
	log_write(&m->log, which, channel->data, channel->len);
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (m->clients[i] >= 0)
			channel->to_clients |= 1u << i;
}

/*
 * Our own streams belong to the caller, who shares their flags: they stay blocking. After POLLOUT a pipe takes PIPE_BUF
 * bytes without blocking (pipe(7)).
 */
static void write_local(struct monitor *m, struct channel *channel)
{
	size_t left = channel->len - channel->local_done;
	ssize_t put = write(channel->local, channel->data + channel->local_done, left < PIPE_BUF ? left : PIPE_BUF);

	if (put >= 0) {
		channel->local_done += (size_t)put;
	} else if (errno != EINTR && errno != EAGAIN) {
		/* Nobody reads any more: let the command know as a pipe would, by SIGPIPE. */
		channel->local = -1;
		channel->local_done = channel->len;
		if (m->foreground && m->terminal[0] < 0)
			close_channel(channel);
	}
}

static void send_clients(struct monitor *m, struct channel *channel)
{
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (!(channel->to_clients & (1u << i)))
			continue;
		if (msg_send(m->clients[i], channel->type, channel->data, channel->len))
			channel->to_clients &= ~(1u << i);
		else if (errno != EAGAIN && errno != ENOBUFS)
			drop_client(m, i);
	}
}

static void read_local(struct monitor *m)
{
	ssize_t got = read(m->in.local, m->in.data, sizeof(m->in.data));

	if (got > 0) {
		m->in.len = (size_t)got;
		m->in.done = 0;
	} else if (got == 0 || (errno != EINTR && errno != EAGAIN)) {
		end_input(m);
	}
}

static void write_input(struct monitor *m)
{
	ssize_t put = write(m->in.to, m->in.data + m->in.done, m->in.len - m->in.done);

	if (put < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (put < 0) {
		/* The command reads no more; what the caller still has stays with the caller. */
		if (m->terminal[0] < 0)
			close(m->in.to);
		m->in.to = m->in.local = -1;
		m->in.len = 0;
		return;
	}
	m->in.done += (size_t)put;
	if (m->in.done < m->in.len)
		return;
	m->in.len = 0;
	if (m->in.end)
		end_input(m);
}

static bool settled(const struct channel *channel)
{
	return channel->len == 0 || (channel->local_done == channel->len && channel->to_clients == 0);
}

static bool all_done(const struct monitor *m)
{
	return m->ended && m->out[0].from < 0 && m->out[1].from < 0 && settled(&m->out[0]) && settled(&m->out[1]);
}

enum slot {
	SIGNALS,
	CONTROL,
	LISTEN,
	LOCAL_IN,
	TO_COMMAND,
	FROM_COMMAND,
	LOCAL_OUT = FROM_COMMAND + 2,
	CLIENT = LOCAL_OUT + 2,
	SLOTS = CLIENT + CLIENTS_MAX
};

static void fill_slots(struct monitor *m, struct pollfd fds[SLOTS])
{
	fds[SIGNALS] = (struct pollfd){ .fd = m->signals, .events = POLLIN };
	fds[CONTROL] = (struct pollfd){ .fd = m->ended ? -1 : m->ctl, .events = POLLIN };
	fds[LISTEN] = (struct pollfd){ .fd = m->listen, .events = POLLIN };
	fds[LOCAL_IN] = (struct pollfd){ .fd = m->in.len == 0 && m->in.to >= 0 ? m->in.local : -1, .events = POLLIN };
	fds[TO_COMMAND] = (struct pollfd){ .fd = m->in.len > 0 ? m->in.to : -1, .events = POLLOUT };
	for (int i = 0; i < CLIENTS_MAX; i++)
		fds[CLIENT + i] = (struct pollfd){ .fd = m->clients[i], .events = m->in.len == 0 ? POLLIN : 0 };
	for (int i = 0; i < 2; i++) {
		struct channel *channel = &m->out[i];

		if (settled(channel))
			channel->len = 0;
		fds[FROM_COMMAND + i] =
			(struct pollfd){ .fd = channel->len == 0 ? channel->from : -1, .events = POLLIN };
		fds[LOCAL_OUT + i] = (struct pollfd){ .fd = channel->local_done < channel->len ? channel->local : -1,
						      .events = POLLOUT };
		for (int c = 0; c < CLIENTS_MAX; c++)
			if (channel->to_clients & (1u << c))
				fds[CLIENT + c].events |= POLLOUT;
	}
	/* A client that is neither read nor written now is not watched: its end would be told again and again. */
	for (int i = 0; i < CLIENTS_MAX; i++)
		if (fds[CLIENT + i].events == 0)
			fds[CLIENT + i].fd = -1;
}

static void take_control(struct monitor *m)
{
	static struct msg msg;

	if (!msg_recv(m->ctl, &msg, MSG_DONTWAIT))
		return;
	if (msg.type == 'E') {
		memcpy(&m->status, msg.data, sizeof(m->status));
		(void)msg_send(m->ctl, 'C', NULL, 0);
	} else if (msg.type == 0) {
		m->status = SIGKILL; /* the keeper was killed, and the command with it */
	} else {
		return;
	}
	m->ended = true;
	if (m->terminal[1] >= 0) {
		close(m->terminal[1]);
		m->terminal[1] = -1;
	}
	end_input(m);
}

static void serve(struct monitor *m, const struct pollfd fds[SLOTS])
{
	if (fds[SIGNALS].revents)
		take_signal(m);
	if (fds[CONTROL].revents)
		take_control(m);
	if (fds[LISTEN].revents)
		accept_client(m);
	if (fds[TO_COMMAND].revents)
		write_input(m);
	if (fds[LOCAL_IN].revents && m->in.local >= 0)
		read_local(m);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (fds[CLIENT + i].fd < 0 || fds[CLIENT + i].fd != m->clients[i])
			continue;
		/* One piece of input at a time: what another client typed is not written yet. */
		if (m->in.len == 0 && fds[CLIENT + i].revents & (POLLIN | POLLHUP | POLLERR))
			take_client(m, i);
	}
	for (int i = 0; i < 2; i++) {
		struct channel *channel = &m->out[i];

		if (channel->from >= 0 && channel->len == 0 && (fds[FROM_COMMAND + i].revents || m->ended))
			read_channel(m, i);
		if (channel->len > 0 && channel->local_done < channel->len && fds[LOCAL_OUT + i].revents)
			write_local(m, channel);
		if (channel->to_clients)
			send_clients(m, channel);
	}
}

static void attach_terminal(struct monitor *m)
{
	if (m->terminal[0] < 0)
		return;
	m->out[0].from = m->terminal[0];
	m->in.to = m->terminal[0];
	set_own_window(m);
	if (m->foreground && m->in.local == 0 && isatty(0))
		terminal_raw();
}

void supervise(struct monitor *m)
{
	long long end_ms = 0;

	attach_terminal(m);
	while (!all_done(m)) {
		struct pollfd fds[SLOTS];
		int timeout = pass_due_signals(m);

		if (m->ended && end_ms == 0)
			end_ms = monotonic_ms() + LAST_OUTPUT_MS;
		if (m->ended && monotonic_ms() > end_ms)
			for (int i = 0; i < CLIENTS_MAX; i++)
				if ((m->out[0].to_clients | m->out[1].to_clients) & (1u << i))
					drop_client(m, i);
		fill_slots(m, fds);
		if (m->ended)
			timeout = m->out[0].len == 0 && m->out[1].len == 0 ? 0 : 1000;
		if (poll(fds, SLOTS, timeout) < 0)
			continue;
		serve(m, fds);
	}
	log_flush(&m->log);
}
