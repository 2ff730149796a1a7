/* Sets a container up from a plan, in order, and undoes all of it should a step fail. */
#include "monitor.h"

#include "launcher.h"
#include "report.h"
#include "terminal.h"

#include <sys/ioctl.h>

static struct monitor the;

long long monotonic_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

/* Ends what is left of the container. The keeper takes everything in its PID namespace along. */
static void tear_down(void)
{
	for (int i = 0; i < the.spawned_count; i++)
		(void)kill(the.spawned[i].pid, SIGKILL);
	if (the.keeper > 0) {
		(void)kill(the.keeper, SIGKILL);
		while (waitpid(the.keeper, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	/* Reaping it may take long (a network device goes away); nobody needs to wait (see spawn.c). */
	if (the.socket_path) {
		char directory[PATH_MAX];
		char *slash;

		FMT(directory, "%s", the.socket_path);
		(void)unlink(directory);
		slash = strrchr(directory, '/');
		if (slash) {
			*slash = '\0';
			(void)rmdir(directory);
		}
	}
}

static void deliver(const char *record, size_t len)
{
	tear_down();
	state_forget_exit(&the);
	terminal_restore();
	if (the.foreground) {
		/* What says the failure starts as the caller started us. */
		caller_restore(&the.launch->caller);
		if (the.lock >= 0)
			close(the.lock);
		front_failed(&the.launch->plan, record, len);
	}
	if (the.lock >= 0)
		close(the.lock);
	(void)msg_send(the.clients[0], 'F', record, len);
	_exit(125);
}

static void make_pipe(int *ours, int *theirs, bool to_command)
{
	int ends[2];

	TRY(pipe2(ends, O_CLOEXEC), "streams", "pipe", "make the streams of the command");
	*ours = ends[to_command ? 1 : 0];
	*theirs = ends[to_command ? 0 : 1];
	(void)fcntl(*ours, F_SETFL, O_NONBLOCK);
}

static void make_streams(struct launch *launch)
{
	const struct step *stdio = plan_find(&launch->plan, OP_STDIO);
	const char *in = stdio ? stdio->argv[0] : "null";
	const char *out = stdio ? stdio->argv[1] : "null";
	bool attach_input = plan_find(&launch->plan, OP_ATTACH_STDIN);

	launch->own_streams = strcmp(in, "inherit") != 0 && strcmp(out, "inherit") != 0;
	/* A container never shares the caller's session, whose terminal /dev/tty would be; a program of Node's own does. */
	launch->own_session = launch->own_streams || plan_find(&launch->plan, OP_LOCK);
	for (int i = 0; i < 3; i++)
		launch->command_fds[i] = strcmp(i == 0 ? in : out, "inherit") == 0 ? i : -1;
	the.in.to = the.in.local = -1;
	for (int i = 0; i < 2; i++)
		the.out[i] =
			(struct channel){ .from = -1, .local = the.foreground ? i + 1 : -1, .type = i ? 'x' : 'o' };
	if (the.foreground && attach_input)
		the.in.local = 0;
	if (launch->tty)
		return;
	if (strcmp(in, "pipe") == 0)
		make_pipe(&the.in.to, &launch->command_fds[0], true);
	if (strcmp(out, "pipe") == 0)
		for (int i = 0; i < 2; i++)
			make_pipe(&the.out[i].from, &launch->command_fds[i + 1], false);
}

static void block_signals(const struct plan *plan)
{
	static const int passed_through[] = { SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTSTP, SIGTTIN, SIGTTOU };
	static const int proxied[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2, SIGALRM, SIGCONT };
	sigset_t set;

	sigfillset(&set);
	for (size_t i = 0; i < sizeof(passed_through) / sizeof(passed_through[0]); i++)
		sigdelset(&set, passed_through[i]);
	if (plan_find(plan, OP_NO_SIG_PROXY))
		for (size_t i = 0; i < sizeof(proxied) / sizeof(proxied[0]); i++)
			sigdelset(&set, proxied[i]);
	sigprocmask(SIG_SETMASK, &set, NULL);
	the.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
	TRY(the.signals, "monitor", "signalfd", "watch for signals");
}

static void close_monitor_ends(void)
{
	int fds[] = { the.ctl,	  the.init,  the.signals,     the.exit_file,   the.listen,
		      the.log.fd, the.in.to, the.out[0].from, the.out[1].from, the.clients[0] };

	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (fds[i] > 2)
			close(fds[i]);
}

static unsigned long clone_flags(const struct plan *plan)
{
	const struct step *step = plan_find(plan, OP_CLONE);
	unsigned long flags = 0;

	errno = EINVAL;
	if (step && !parse_namespaces(step, 0, &flags))
		fail("plan", "clone", "read the namespaces");
	return flags;
}

static void start_keeper(struct launch *launch)
{
	int on = 1;
	int ctl[2];
	int init[2];

	TRY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ctl), "monitor", "socketpair", "start the container");
	TRY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, init), "monitor", "socketpair",
	    "start the container");
	/* The kernel writes the sender's pid into each message, as we see it. */
	TRY(setsockopt(init[0], SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)), "monitor", "setsockopt",
	    "start the container");
	the.ctl = ctl[0];
	the.init = init[0];
	launch->keeper_ctl = ctl[1];
	launch->init_ctl = init[1];
	the.keeper = (pid_t)syscall(SYS_clone, clone_flags(&launch->plan) | SIGCHLD, 0, 0, 0, 0);
	TRY(the.keeper, "userns", "clone", "create a user namespace");
	if (the.keeper == 0) {
		close_monitor_ends();
		keeper_main(launch);
	}
	close(ctl[1]);
	close(init[1]);
	for (int i = 0; i < 3; i++)
		if (launch->command_fds[i] > 2)
			close(launch->command_fds[i]);
}

static void start_programs(struct launch *launch)
{
	for (int i = 0; i < launch->plan.count; i++) {
		if (launch->plan.steps[i].op != OP_SPAWN)
			continue;
		if (the.spawned_count == SPAWNED_MAX) {
			errno = E2BIG;
			fail("plan", "spawn", "start more than %d programs", SPAWNED_MAX);
		}
		spawn_start(&the.spawned[the.spawned_count], &launch->plan.steps[i], the.keeper, &launch->caller);
		the.spawned_count++;
	}
}

int monitor_take_signal(struct monitor *monitor)
{
	struct signalfd_siginfo info;
	pid_t pid;

	if (read(monitor->signals, &info, sizeof(info)) != (ssize_t)sizeof(info))
		return 0;
	if (info.ssi_signo != SIGCHLD)
		return (int)info.ssi_signo;
	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		if (pid == monitor->keeper)
			monitor->keeper = 0;
	return 0;
}

static void take_init_message(const struct msg *msg, bool *ready)
{
	switch (msg->type) {
	case 'I':
		the.init_pid = msg->pid;
		break;
	case 'T':
		the.terminal[0] = msg->fds[0];
		the.terminal[1] = msg->fds[1];
		(void)fcntl(the.terminal[0], F_SETFL, O_RDWR | O_NONBLOCK);
		break;
	case 'R':
		*ready = true;
		break;
	case 'F':
		fail_with_record(msg->data, msg->len);
	default:
		errno = ECANCELED;
		fail("init", "exit", "it was killed before it was ready");
	}
}

static void stop_on_signal(int number)
{
	if (number != SIGINT && number != SIGTERM && number != SIGHUP && number != SIGQUIT)
		return;
	tear_down();
	state_forget_exit(&the);
	errno = EINTR;
	FMT(fail_detail, "%d", number);
	fail("interrupted", "signal", "it was interrupted");
}

static void await_namespaces(void)
{
	static struct msg msg;

	(void)msg_recv(the.ctl, &msg, 0);
	if (msg.type == 'F')
		fail_with_record(msg.data, msg.len);
	if (msg.type != 'N') {
		errno = ECANCELED;
		fail("keeper", "exit", "it was killed before it was ready");
	}
}

/* Until init has done all its steps and every program is ready. */
static void await_ready(void)
{
	static struct msg msg;
	long long begun = monotonic_ms();
	bool ready = false;

	for (;;) {
		struct pollfd fds[4 + SPAWNED_MAX] = {
			{ .fd = the.signals, .events = POLLIN },
			{ .fd = the.init, .events = ready ? 0 : POLLIN },
			{ .fd = the.ctl, .events = POLLIN },
			{ .fd = the.clients[0], .events = POLLIN },
		};
		int waiting = 0;
		int timeout = -1;

		for (int i = 0; i < the.spawned_count; i++) {
			struct spawned *spawned = &the.spawned[i];
			long long left = spawned->timeout_ms - (monotonic_ms() - begun);

			fds[4 + i] = (struct pollfd){ .fd = spawned->ready, .events = POLLIN };
			if (spawned->ready < 0)
				continue;
			if (left <= 0)
				spawn_failed(spawned, "it was not ready in time");
			waiting++;
			timeout = timeout < 0 || left < timeout ? (int)left : timeout;
		}
		if (ready && waiting == 0)
			return;
		if (poll(fds, (nfds_t)(4 + the.spawned_count), timeout) < 0)
			continue;
		/* The keeper first: when it fails, the end of init's socket goes as well. */
		if (fds[2].revents && msg_recv(the.ctl, &msg, MSG_DONTWAIT) && (msg.type == 'F' || msg.type == 0))
			take_init_message(&msg, &ready);
		if (fds[1].revents && msg_recv(the.init, &msg, MSG_DONTWAIT))
			take_init_message(&msg, &ready);
		for (int i = 0; i < the.spawned_count; i++)
			if (fds[4 + i].revents)
				spawn_ready(&the.spawned[i]);
		if (fds[0].revents)
			stop_on_signal(monitor_take_signal(&the));
		if (fds[3].revents && msg_recv(the.clients[0], &msg, MSG_DONTWAIT)) {
			if (msg.type == 's' && msg.len == 1)
				stop_on_signal((unsigned char)msg.data[0]);
			if (msg.type == 0)
				stop_on_signal(SIGHUP); /* the one who asked is gone: nothing has been started yet */
		}
	}
}

/* init's socket closes by itself when the command is executed; a failure record comes instead when it could not be. */
static void let_go(void)
{
	static struct msg msg;

	(void)msg_send(the.ctl, 'D', NULL, 0);
	do {
		(void)msg_recv(the.ctl, &msg, 0);
	} while (msg.type == 'N');
	if (msg.type != 'D' || !msg_send(the.init, 'X', NULL, 0)) {
		errno = ECANCELED;
		fail("init", "exit", "it was killed before it was ready");
	}
	(void)msg_recv(the.init, &msg, 0);
	if (msg.type == 'F')
		fail_with_record(msg.data, msg.len);
	close(the.init);
	the.init = -1;
}

static void tell_started(void)
{
	struct timespec now;
	char text[96];
	int len;

	clock_gettime(CLOCK_REALTIME, &now);
	format_time(the.started, sizeof(the.started), &now);
	len = snprintf(text, sizeof(text), "%d %s\n", (int)the.init_pid, the.started);
	if (the.lock >= 0)
		(void)!pwrite(the.lock, text, (size_t)len, 0);
	if (the.clients[0] >= 0) {
		(void)msg_send(the.clients[0], 'S', NULL, 0);
		(void)fcntl(the.clients[0], F_SETFL, O_NONBLOCK);
	}
}

/* Waits for the keeper, which may still be removing files. */
static void finish(int code)
{
	while (the.keeper > 0 && waitpid(the.keeper, NULL, 0) < 0 && errno == EINTR)
		continue;
	the.keeper = 0;
	state_write_exit(&the, code);
	tear_down();
	if (the.lock >= 0)
		close(the.lock);
	for (int i = 0; i < CLIENTS_MAX; i++) {
		if (the.clients[i] < 0)
			continue;
		(void)fcntl(the.clients[i], F_SETFL, 0);
		(void)msg_send(the.clients[i], 'c', &code, sizeof(code));
	}
}

/* A monitor that is not in front keeps nothing of the caller's: not its session, directory, or descriptors. */
static void leave_caller(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	(void)setsid();
	(void)chdir("/");
	for (int fd = 0; fd < 3; fd++)
		(void)dup2(null, fd);
}

int monitor_main(struct launch *launch, int client)
{
	const struct step *id = plan_find(&launch->plan, OP_ID);
	int code;

	the.launch = launch;
	the.foreground = client < 0;
	the.ctl = the.init = the.signals = the.lock = the.exit_file = the.listen = the.log.fd = -1;
	the.terminal[0] = the.terminal[1] = -1;
	for (int i = 0; i < CLIENTS_MAX; i++)
		the.clients[i] = -1;
	the.clients[0] = client;
	fail_deliver = deliver;
	launch->tty = plan_find(&launch->plan, OP_TTY);
	if (!the.foreground)
		leave_caller();
	set_title("MONITOR", id ? id->argv[0] : NULL);
	block_signals(&launch->plan);
	state_open(&the);
	make_streams(launch);
	/* Now: whoever the container maps to may not be able to read what is the user's alone. */
	seccomp_read(&launch->plan);
	start_keeper(launch);
	idmap_write(&launch->plan, the.keeper);
	(void)msg_send(the.ctl, 'G', NULL, 0);
	/* A namespace that the keeper unshares must be there before a program is sent into it. */
	if (plan_find(&launch->plan, OP_UNSHARE))
		await_namespaces();
	start_programs(launch);
	await_ready();
	let_go();
	tell_started();
	supervise(&the);
	terminal_restore();
	code = WIFSIGNALED(the.status) ? 128 + WTERMSIG(the.status) : WEXITSTATUS(the.status);
	finish(code);
	return code;
}
