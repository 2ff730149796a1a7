/* The process that becomes the command: carries out phase init in order, then waits for the word to execute. */
#include "launch.h"
#include "msg.h"
#include "report.h"

#include <sys/ioctl.h>

static int report_socket;
static char **environment;
static int environment_count;

static void deliver(const char *record, size_t len)
{
	(void)msg_send(report_socket, 'F', record, len);
	_exit(125);
}

static void wait_for_go(void)
{
	struct msg msg;

	if (!msg_send(report_socket, 'R', NULL, 0))
		_exit(125);
	do {
		(void)msg_recv(report_socket, &msg, 0);
	} while (msg.type != 'X' && msg.type != 0);
	if (msg.type == 0)
		_exit(125); /* the monitor is gone */
}

static const char *environment_value(const char *name)
{
	size_t len = strlen(name);

	for (int i = 0; i < environment_count; i++)
		if (strncmp(environment[i], name, len) == 0 && environment[i][len] == '=')
			return environment[i] + len + 1;
	return NULL;
}

static int try_exec(const char *path, char **argv)
{
	struct stat st;

	execve(path, argv, environment);
	/* The kernel says EACCES for a directory; a search goes on behind it, as a shell's does. */
	if (errno == EACCES && stat(path, &st) == 0 && S_ISDIR(st.st_mode))
		return EISDIR;
	return errno;
}

static void search_and_exec(const struct step *step)
{
	const char *path = environment_value("PATH");
	const char *name = step->argv[0];
	char candidate[PATH_MAX];
	int worst = ENOENT;

	if (strchr(name, '/')) {
		errno = try_exec(name, step->argv + 1);
		if (errno == EISDIR)
			errno = EACCES;
		return;
	}
	for (const char *dir = path ? path : "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"; *name;) {
		size_t len = strcspn(dir, ":");
		int seen;

		FMT(candidate, "%.*s%s%s", (int)len, dir, len ? "/" : "./", name);
		seen = try_exec(candidate, step->argv + 1);
		if (seen != ENOENT && seen != ENOTDIR && seen != EISDIR)
			worst = seen;
		if (seen != ENOENT && seen != ENOTDIR && seen != EACCES && seen != EISDIR)
			break;
		if (dir[len] == '\0')
			break;
		dir += len + 1;
	}
	errno = worst;
}

/* PID 1 that reaps what is orphaned and hands signals to its child (--init). Ends with the child's status. */
static void reap_until(pid_t child, const sigset_t *all) __attribute__((noreturn));
static void reap_until(pid_t child, const sigset_t *all)
{
	for (;;) {
		siginfo_t info;
		int signal_number = sigwaitinfo(all, &info);
		int status;
		pid_t pid;

		if (signal_number != SIGCHLD) {
			if (signal_number > 0)
				(void)kill(child, signal_number);
			continue;
		}
		while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
			if (pid == child)
				_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status));
	}
}

static void become_reaper(void)
{
	sigset_t all;
	pid_t child;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	child = fork();
	TRY(child, "exec", "fork", "start a reaping init");
	if (child == 0) {
		(void)setsid();
		(void)ioctl(0, TIOCSCTTY, 1);
		return;
	}
	close_from_3(0);
	capabilities_keep_kill();
	(void)prctl(PR_SET_DUMPABLE, 1); /* others join the container's namespaces through us */
	set_title("INIT", NULL);
	reap_until(child, &all);
}

static void take_streams(struct launch *launch)
{
	int null = -1;

	if (!launch->own_session)
		return;
	for (int fd = 0; fd < 3; fd++) {
		int from = launch->command_fds[fd];

		if (from < 0) {
			if (null < 0)
				null = open("/dev/null", O_RDWR | O_CLOEXEC);
			from = null;
		}
		if (from != fd)
			TRY(dup2(from, fd), "streams", "dup2", "set up descriptor %d", fd);
		else
			(void)fcntl(fd, F_SETFD, 0);
	}
	(void)setsid();
}

static void execute(struct launch *launch, const struct step *step)
{
	(void)prctl(PR_SET_PDEATHSIG,
		    SIGKILL); /* best effort: lost when the command changes ids; the keeper does not lose it */
	close_from_3(RRUN_CLOSE_RANGE_CLOEXEC);
	for (int i = 0; i < launch->plan.count; i++) {
		long long fd;

		if (launch->plan.steps[i].op == OP_PASS_FD &&
		    parse_number(launch->plan.steps[i].argv[0], 3, INT_MAX, &fd))
			(void)fcntl((int)fd, F_SETFD, 0);
	}
	caller_restore(&launch->caller);
	search_and_exec(step);
	fail("exec", "execve", "%s", step->argv[0]);
}

static bool is_last_stage(enum op op)
{
	return op == OP_NO_NEW_PRIVS || op == OP_SECCOMP || op == OP_REAPER || op == OP_EXEC;
}

/*
 * With some mappings the caller is nobody inside, and nobody inside may enter the caller's directories. So what is bound from
 * the host is opened as the caller, and only then we become root of the container, who owns what is made in it.
 */
static void begin_mounts(struct launch *launch, const struct step *step)
{
	(void)mounts_step(step);
	mounts_open_sources(&launch->plan);
	become_root();
}

/* Where nothing is mounted nobody has become root yet; the terminal is to be of an owner that is mapped. */
static void begin_terminal(const struct step *step)
{
	bool alone = step->argc > 0;

	if (alone)
		become_root();
	tty_make_console(report_socket, alone);
}

static void carry_out(struct launch *launch)
{
	bool told = false;

	for (int i = 0; i < launch->plan.count; i++) {
		const struct step *step = &launch->plan.steps[i];

		if (launch->plan.phase_of[i] != PHASE_INIT)
			continue;
		if (is_last_stage(step->op) && !told) {
			/* From here on nothing is looked at that seccomp might refuse. */
			wait_for_go();
			told = true;
		}
		if (step->op == OP_ENV)
			environment[environment_count++] = step->argv[0];
		else if (step->op == OP_PRIVATE)
			begin_mounts(launch, step);
		else if (step->op == OP_CONSOLE)
			begin_terminal(step);
		else if (step->op == OP_REAPER)
			become_reaper();
		else if (step->op == OP_EXEC)
			execute(launch, step);
		else if (!mounts_step(step) && !process_step(step))
			(void)remove_step(step);
	}
	if (!told)
		wait_for_go();
}

void init_main(struct launch *launch)
{
	report_socket = launch->init_ctl;
	fail_deliver = deliver;
	/* A reaping init stays, and the container can read its memory and /proc/1/environ: nothing of the caller's may be there. */
	for (char **entry = environ; *entry; entry++)
		memset(*entry, 0, strlen(*entry));
	environment = calloc((size_t)launch->plan.count + 1, sizeof(char *));
	if (!environment)
		fail("init", "calloc", "prepare the environment");
	set_title("INIT", NULL);
	if (!msg_send(report_socket, 'I', NULL, 0))
		_exit(125);
	take_streams(launch);
	process_owns_streams = launch->own_streams;
	umask(0); /* modes are exact at creation */
	carry_out(launch);
	_exit(0);
}
