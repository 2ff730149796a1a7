/*
 * The keeper: first process of the new user namespace and, where there is one, init of the outer PID namespace. It dies with
 * the monitor (PR_SET_PDEATHSIG), and everything in the container dies with it. The same protection on the command itself
 * would not hold: the kernel takes it away when the command changes its ids (prctl(2)).
 */
#include "launch.h"
#include "msg.h"
#include "report.h"

#define SEEN_WINDOW_MS 250

static int report_socket;

static void deliver(const char *record, size_t len)
{
	(void)msg_send(report_socket, 'F', record, len);
	_exit(125);
}

static long long now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return now.tv_sec * 1000ll + now.tv_nsec / 1000000;
}

static void join_namespaces(const struct step *step)
{
	unsigned long flags;
	long long pid;
	int fd;

	errno = EINVAL;
	if (!parse_number(step->argv[0], 1, INT_MAX, &pid) || !parse_namespaces(step, 1, &flags))
		fail("plan", "join", "use \"%s\"", step->argv[0]);
	fd = (int)syscall(SYS_pidfd_open, (pid_t)pid, 0);
	TRY(fd, "join", "pidfd_open", "find process %lld", pid);
	/* One setns for all: it checks with the credentials from before the call (setns(2), pidfd). */
	TRY(setns(fd, (int)flags), "join", "setns", "join the namespaces of process %lld", pid);
	close(fd);
}

static pid_t clone_init(struct launch *launch)
{
	const struct step *step = plan_find(&launch->plan, OP_CLONE_INIT);
	unsigned long flags = 0;
	pid_t pid;

	errno = EINVAL;
	if (step && !parse_namespaces(step, 0, &flags))
		fail("plan", "clone-init", "read the namespaces");
	pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	TRY(pid, "namespaces", "clone", "create the container's namespaces");
	if (pid == 0) {
		close(report_socket);
		init_main(launch);
	}
	if (plan_find(&launch->plan, OP_SPAWN))
		(void)prctl(PR_SET_DUMPABLE, 1); /* slirp4netns finds its namespaces through us */
	return pid;
}

static void keeper_steps(struct launch *launch)
{
	for (int i = 0; i < launch->plan.count; i++) {
		const struct step *step = &launch->plan.steps[i];
		unsigned long flags;

		if (launch->plan.phase_of[i] != PHASE_KEEPER)
			continue;
		if (step->op == OP_UNSHARE) {
			errno = EINVAL;
			if (!parse_namespaces(step, 0, &flags) || unshare((int)flags) < 0)
				fail("namespaces", "unshare", "create namespaces");
			/* What the keeper mounts stays inside. */
			if (flags & CLONE_NEWNS)
				TRY(mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL), "namespaces", "mount",
				    "keep our mounts to ourselves");
		} else if (step->op == OP_RUN) {
			spawn_run(step, &launch->caller);
		}
	}
}

/*
 * Signals: whoever signals the whole process tree (Slurm's proctrack/linuxproc) has signalled the command as well as us. So a
 * real signal is only noted; a message of the monitor is passed on if no real one of that number came within the window.
 */
static void pass_signal(const struct msg *msg, pid_t init, const long long *seen_ms)
{
	int number = (unsigned char)msg->data[0];

	if (msg->len != 1 || number < 1 || number >= NSIG)
		return;
	if (seen_ms[number] != 0 && now_ms() - seen_ms[number] < SEEN_WINDOW_MS)
		return;
	(void)kill(init, number);
}

static bool reap(pid_t init, int *status)
{
	bool ended = false;
	int one;
	pid_t pid;

	while ((pid = waitpid(-1, &one, WNOHANG)) > 0)
		if (pid == init) {
			*status = one;
			ended = true;
		}
	return ended;
}

static int watch(pid_t init, int signals)
{
	long long seen_ms[NSIG] = { 0 };
	struct pollfd fds[2] = { { .fd = signals, .events = POLLIN }, { .fd = report_socket, .events = POLLIN } };
	int status = 0;

	for (;;) {
		struct signalfd_siginfo info;
		struct msg msg;

		if (poll(fds, 2, -1) < 0)
			continue;
		if (fds[0].revents && read(signals, &info, sizeof(info)) == (ssize_t)sizeof(info)) {
			if (info.ssi_signo == SIGCHLD && reap(init, &status))
				return status;
			if (info.ssi_signo < NSIG)
				seen_ms[info.ssi_signo] = now_ms();
			continue; /* real signals first, so that they are noted before a message about them */
		}
		if (fds[1].revents && msg_recv(report_socket, &msg, MSG_DONTWAIT)) {
			if (msg.type == 'S')
				pass_signal(&msg, init, seen_ms);
			/* With the host's PID namespace the command could get at the host's files through us. */
			if (msg.type == 'D' && prctl(PR_SET_DUMPABLE, 0) == 0)
				(void)msg_send(report_socket, 'D', NULL, 0);
			if (msg.type == 0)
				_exit(125); /* the monitor is gone; what is in our PID namespace goes with us */
		}
	}
}

static void clean_up(const struct launch *launch)
{
	for (int i = 0; i < launch->plan.count; i++)
		if (launch->plan.phase_of[i] == PHASE_CLEANUP)
			(void)remove_step(&launch->plan.steps[i]);
}

void keeper_main(struct launch *launch)
{
	const struct step *join = plan_find(&launch->plan, OP_JOIN);
	const struct step *oom_score_adj = plan_find(&launch->plan, OP_OOM_SCORE_ADJ);
	struct msg msg;
	sigset_t all;
	int signals;
	int status;
	pid_t init;

	report_socket = launch->keeper_ctl;
	fail_deliver = deliver;
	set_title("KEEPER", NULL);
	(void)msg_recv(report_socket, &msg, 0);
	if (msg.type != 'G')
		_exit(125);
	if (oom_score_adj)
		(void)process_step(oom_score_adj); /* now: who is undumpable may not */
	/*
	 * We and init have the caller's environment, all capabilities and perhaps the host's files. Where we join, others are
	 * already who may have CAP_SYS_PTRACE: they must not trace us, or look into us by /proc (CVE-2016-9962).
	 */
	if (join) {
		(void)prctl(PR_SET_DUMPABLE, 0);
		join_namespaces(join);
	}
	/* Our ids stay the caller's: we need no others, and a change would take the signal away again. */
	TRY(prctl(PR_SET_PDEATHSIG, SIGKILL), "keeper", "prctl", "tie the container to its monitor");
	if (launch->own_session)
		(void)setsid(); /* what a terminal sends its foreground group is not meant for us */
	keeper_steps(launch);
	sigfillset(&all);
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	TRY(signals, "keeper", "signalfd", "watch for signals");
	init = clone_init(launch);
	(void)msg_send(report_socket, 'N', NULL, 0);
	close(launch->init_ctl);
	for (int fd = 0; fd < 3; fd++)
		if (launch->command_fds[fd] > 2)
			close(launch->command_fds[fd]);
	status = watch(init, signals);
	(void)msg_send(report_socket, 'E', &status, sizeof(status));
	/* Only the monitor knows whether the command was ever executed: what could not be started is not ours to remove. */
	do {
		(void)msg_recv(report_socket, &msg, 0);
	} while (msg.type != 'C' && msg.type != 0);
	if (msg.type == 'C')
		clean_up(launch);
	_exit(0);
}
