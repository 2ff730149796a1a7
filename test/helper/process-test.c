/* Failure records and the messages between our processes. */
#include "../../helpers/rrun/launch.h"
#include "../../helpers/rrun/msg.h"
#include "../../helpers/rrun/report.h"
#include "test.h"

static int record_pipe[2];

static void to_pipe(const char *record, size_t len)
{
	(void)!write(record_pipe[1], record, len);
	_exit(125);
}

static void failure_record(void)
{
	static const char want[] = "mounts\0mount\0"
				   "1\0mount proc on \"/proc\"\0words";
	char got[256];
	ssize_t len;
	pid_t child;

	CHECK(pipe(record_pipe) == 0);
	child = fork();
	if (child == 0) {
		fail_deliver = to_pipe;
		FMT(fail_detail, "words");
		errno = EPERM;
		fail("mounts", "mount", "mount proc on \"%s\"", "/proc");
	}
	waitpid(child, NULL, 0);
	len = read(record_pipe[0], got, sizeof(got));
	CHECK(len == (ssize_t)sizeof(want) && memcmp(got, want, sizeof(want)) == 0);
}

static void messages(void)
{
	static struct msg msg;
	int pair[2];
	int fds[2];

	CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) == 0);
	CHECK(!msg_recv(pair[1], &msg, MSG_DONTWAIT));
	CHECK(msg_send(pair[0], 'i', "abc", 3));
	CHECK(msg_recv(pair[1], &msg, 0) && msg.type == 'i' && msg.len == 3 && memcmp(msg.data, "abc", 3) == 0);
	CHECK(msg.fds[0] == -1 && msg.pid == 0);
	CHECK(pipe(fds) == 0 && msg_send_fds(pair[0], 'T', fds));
	CHECK(msg_recv(pair[1], &msg, 0) && msg.type == 'T' && msg.fds[0] >= 0 && msg.fds[1] >= 0);
	close(pair[0]);
	CHECK(msg_recv(pair[1], &msg, 0) && msg.type == 0);
}

void process_tests(void)
{
	failure_record();
	messages();
}
