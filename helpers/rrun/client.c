/* The process in front of a monitor: copies between the caller's terminal and the monitor, ends with the command's code. */
#include "launch.h"
#include "launcher.h"
#include "msg.h"
#include "report.h"
#include "terminal.h"

struct client {
	int monitor;
	int signals;
	bool reads_input;
	bool started;
	bool tty;
	bool proxies; /* signals are the command's, once it runs as well */
	unsigned char keys[32];
	size_t key_count;
	size_t key_at;
};

static void read_keys(struct client *client, const struct step *step)
{
	const char *hex = step ? step->argv[0] : "";

	for (; hex[0] && hex[1] && client->key_count < sizeof(client->keys); hex += 2) {
		char byte[3] = { hex[0], hex[1], 0 };

		client->keys[client->key_count++] = (unsigned char)strtoul(byte, NULL, 16);
	}
}

static void tell_size(const struct client *client)
{
	unsigned short size[2];

	if (terminal_size(size))
		(void)msg_send(client->monitor, 'w', size, sizeof(size));
}

static bool write_all(int fd, const char *data, size_t len)
{
	while (len > 0) {
		ssize_t put = write(fd, data, len);

		if (put < 0 && errno == EAGAIN) {
			struct pollfd wait = { .fd = fd, .events = POLLOUT };

			(void)poll(&wait, 1, -1);
			continue;
		}
		if (put < 0 && errno != EINTR)
			return false;
		if (put > 0) {
			data += put;
			len -= (size_t)put;
		}
	}
	return true;
}

/*
 * Takes the detach keys out of the input. What looked like their beginning and was not goes to the command after all.
 * True when they are complete.
 */
static bool filter_keys(struct client *client, const char *in, size_t len, char *out, size_t *out_len)
{
	*out_len = 0;
	for (size_t i = 0; i < len; i++) {
		unsigned char c = (unsigned char)in[i];

		if (client->key_count > 0 && c == client->keys[client->key_at]) {
			if (++client->key_at == client->key_count)
				return true;
			continue;
		}
		for (size_t k = 0; k < client->key_at; k++)
			out[(*out_len)++] = (char)client->keys[k];
		client->key_at = client->key_count > 0 && c == client->keys[0] ? 1 : 0;
		if (client->key_at == 0)
			out[(*out_len)++] = (char)c;
	}
	return false;
}

/* True when the user detached. */
static bool take_input(struct client *client)
{
	char in[MSG_DATA_MAX / 2];
	char out[MSG_DATA_MAX];
	size_t out_len;
	ssize_t got = read(0, in, sizeof(in));

	if (got < 0 && (errno == EINTR || errno == EAGAIN))
		return false;
	if (got <= 0) {
		(void)msg_send(client->monitor, 'e', NULL, 0);
		client->reads_input = false;
		return false;
	}
	if (filter_keys(client, in, (size_t)got, out, &out_len))
		return true;
	if (out_len > 0)
		(void)msg_send(client->monitor, 'i', out, out_len);
	return false;
}

static void take_signal(const struct client *client)
{
	struct signalfd_siginfo info;
	sigset_t one;

	if (read(client->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return;
	if (info.ssi_signo == SIGWINCH) {
		tell_size(client);
		return;
	}
	if (info.ssi_signo == SIGCHLD || info.ssi_signo == SIGPIPE || info.ssi_signo == SIGURG)
		return;
	if (!client->started || client->proxies) {
		unsigned char number = (unsigned char)info.ssi_signo;

		(void)msg_send(client->monitor, 's', &number, 1);
		return;
	}
	/* With a terminal a signal is for us, as Docker has it: the container goes on. */
	terminal_restore();
	signal((int)info.ssi_signo, SIG_DFL);
	sigemptyset(&one);
	sigaddset(&one, (int)info.ssi_signo);
	(void)raise((int)info.ssi_signo);
	(void)sigprocmask(SIG_UNBLOCK, &one, NULL);
}

static void watch_signals(struct client *client)
{
	static const int numbers[] = { SIGWINCH, SIGTERM, SIGHUP,  SIGINT, SIGQUIT, SIGUSR1,
				       SIGUSR2,	 SIGCHLD, SIGPIPE, SIGURG, SIGALRM };
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		sigaddset(&set, numbers[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	client->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void begin(struct client *client)
{
	client->started = true;
	tell_size(client);
	if (client->reads_input && client->tty && isatty(0))
		terminal_raw();
}

int client_connect(const struct plan *plan)
{
	const struct step *step = plan_find(plan, OP_SOCKET);
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[PATH_MAX];
	char *slash;
	int dir;
	int fd;

	FMT(directory, "%s", step ? step->argv[0] : "");
	slash = strrchr(directory, '/');
	if (!slash) {
		errno = EINVAL;
		fail("plan", "socket", "read where the monitor is");
	}
	*slash = '\0';
	/* As in state.c: an address is short, a path need not be. */
	dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	TRY(dir, "attach", "open", "reach its monitor in \"%s\"", directory);
	FMT(address.sun_path, "/proc/self/fd/%d/%.40s", dir, slash + 1);
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	TRY(fd, "attach", "socket", "reach its monitor");
	TRY(connect(fd, (struct sockaddr *)&address, sizeof(address)), "attach", "connect", "reach its monitor");
	close(dir);
	return fd;
}

int client_main(struct launch *launch, int monitor)
{
	bool attached = strcmp(plan_find(&launch->plan, OP_MODE)->argv[0], "detached") != 0;
	const struct step *announce = plan_find(&launch->plan, OP_ANNOUNCE);
	struct client client = { .monitor = monitor };
	static struct msg msg;

	client.reads_input = attached && plan_find(&launch->plan, OP_ATTACH_STDIN);
	client.tty = plan_find(&launch->plan, OP_TTY);
	client.proxies = !client.tty && !plan_find(&launch->plan, OP_NO_SIG_PROXY);
	read_keys(&client, plan_find(&launch->plan, OP_DETACH_KEYS));
	watch_signals(&client);
	for (;;) {
		struct pollfd fds[3] = {
			{ .fd = monitor, .events = POLLIN },
			{ .fd = client.signals, .events = POLLIN },
			{ .fd = client.started && client.reads_input ? 0 : -1, .events = POLLIN },
		};

		if (poll(fds, 3, -1) < 0)
			continue;
		if (fds[1].revents)
			take_signal(&client);
		if (fds[2].revents && take_input(&client)) {
			terminal_restore();
			return 0;
		}
		if (!fds[0].revents || !msg_recv(monitor, &msg, MSG_DONTWAIT))
			continue;
		switch (msg.type) {
		case 'S':
			if (announce)
				dprintf(1, "%s\n", announce->argv[0]);
			if (!attached)
				return 0;
			begin(&client);
			break;
		case 'F':
			terminal_restore();
			front_failed(&launch->plan, msg.data, msg.len);
		case 'o':
		case 'x':
			(void)write_all(msg.type == 'o' ? 1 : 2, msg.data, msg.len);
			break;
		case 'c': {
			int code;

			memcpy(&code, msg.data, sizeof(code));
			terminal_restore();
			return code;
		}
		case 0:
			terminal_restore();
			return 137; /* the monitor was killed, and the container with it */
		default:
			break;
		}
	}
}
