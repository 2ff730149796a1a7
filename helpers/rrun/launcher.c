/*
 * `rrun` as the user types it. A launch: start Node as a child, read the plan it decides on, carry it out, whether Node has
 * wound down or not. Anything else: become Node.
 */
#include "launcher.h"

#include "msg.h"
#include "report.h"

/* Commands that never launch; src/cli/commands.ts has the same table and a check compares them. Others start Node as a child. */
static const char *const node_commands[] = {
#include "node-commands.inc"
};

static char self_dir[PATH_MAX];
static char self_path[PATH_MAX];
static char node_path[PATH_MAX];
static char bundle_path[PATH_MAX + 16];
static int report_fd = -1;

static void say(const char *text)
{
	dprintf(2, "rrun: error: %s\n", text);
}

static bool is_executable(const char *path)
{
	struct stat st;

	return access(path, X_OK) == 0 && stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

static bool find_in_path(const char *name, char *found, size_t size)
{
	const char *dir = getenv("PATH");

	while (dir && *dir) {
		size_t len = strcspn(dir, ":");

		if (len > 0 && dir[0] == '/' && snprintf(found, size, "%.*s/%s", (int)len, dir, name) < (int)size &&
		    is_executable(found))
			return true;
		dir += len + (dir[len] == ':');
	}
	return false;
}

/* Node: the one that rrun was built with, if it is still there, else the one in PATH. */
static bool find_node(void)
{
	char path[PATH_MAX + 16];
	ssize_t len = -1;
	int fd;

	FMT(path, "%s/node-path", self_dir);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		len = read(fd, node_path, sizeof(node_path) - 1);
		close(fd);
	}
	if (len > 0) {
		node_path[len] = '\0';
		node_path[strcspn(node_path, "\n")] = '\0';
		if (node_path[0] == '/' && is_executable(node_path))
			return true;
	}
	return find_in_path("node", node_path, sizeof(node_path));
}

static bool find_parts(void)
{
	ssize_t len = readlink("/proc/self/exe", self_path, sizeof(self_path) - 1);
	const char *told = getenv("RRUN_EXE");
	char *slash;

	if (len < 0) {
		say("cannot find its own parts: readlink /proc/self/exe: is /proc mounted?");
		return false;
	}
	self_path[len] = '\0';
	/* Executed again from a sealed copy: the path of the original was handed on. */
	if (strncmp(self_path, "/memfd:", 7) == 0 && told)
		FMT(self_path, "%s", told);
	FMT(self_dir, "%s", self_path);
	slash = strrchr(self_dir, '/');
	if (slash)
		*slash = '\0';
	FMT(bundle_path, "%s/rrun.cjs", self_dir);
	if (find_node())
		return true;
	say("cannot start: node not found in PATH");
	dprintf(2, "rrun: hint: install Node.js 20 or newer, or build rrun again with the one to use\n");
	return false;
}

/*
 * Arguments for Node from its script on; the two in front of them are exec_node's. "--" because Node looks for options of its own,
 * --env-file for one, among the script's arguments too.
 */
static char **node_argv(int extra, char **args, int count)
{
	char **argv = calloc((size_t)(3 + extra + count + 1), sizeof(char *));

	if (!argv)
		return NULL;
	argv[0] = node_path;
	argv[1] = (char *)(uintptr_t) "--";
	argv[2] = bundle_path;
	if (args && count > 0)
		memcpy(argv + 3 + extra, args, (size_t)count * sizeof(char *));
	return argv + 1;
}

static void exec_node(char **argv)
{
	setenv("RRUN_EXE", self_path, 1);
	execv(node_path, argv - 1);
	dprintf(2, "rrun: error: cannot start \"%s\": %s\n", node_path, strerror(errno));
	_exit(125);
}

void front_failed(const struct plan *plan, const char *record, size_t len)
{
	const struct step *on_failure = plan_find(plan, OP_ON_FAILURE);
	int count = on_failure ? on_failure->argc : 0;
	char **argv;

	if (report_fd >= 0) {
		(void)!write(report_fd, record, len);
		_exit(125);
	}
	argv = node_argv(7, NULL, count);
	if (!argv)
		_exit(125);
	argv[2] = (char *)(uintptr_t) "@failed";
	if (on_failure)
		memcpy(argv + 3, on_failure->argv, (size_t)count * sizeof(char *));
	argv[3 + count] = (char *)(uintptr_t) "--";
	for (int i = 0; i < 5; i++) {
		size_t field = strnlen(record, len);

		argv[4 + count + i] = strndup(record, field);
		record += field < len ? field + 1 : field;
		len -= field < len ? field + 1 : field;
	}
	unsetenv("RRUN_PLAN_FD");
	exec_node(argv);
	_exit(125);
}

static const struct plan *failing_plan;

static void deliver_in_front(const char *record, size_t len)
{
	front_failed(failing_plan, record, len);
}

/* Reads until the plan is whole. Returns false when the writer has gone without one. */
static bool read_plan(struct plan *plan, int fd)
{
	size_t size = 65536;
	size_t len = 0;
	char *bytes = malloc(size);
	const char *why;

	while (bytes) {
		ssize_t got = read(fd, bytes + len, size - len);
		enum plan_result result;

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			return false;
		len += (size_t)got;
		/* Only the form of the end mark is looked for here: that it is the end is for the parser to say. */
		result = len >= 6 && memcmp(bytes + len - 6,
					    "end\0"
					    "0",
					    6) == 0
				 ? plan_parse(plan, bytes, len, &why)
				 : PLAN_INCOMPLETE;
		if (result == PLAN_OK)
			return true;
		if (result == PLAN_INVALID) {
			errno = EPROTO;
			fail("plan", "parse", "read the launch plan: %s", why);
		}
		if (len == size) {
			size *= 2;
			bytes = size > PLAN_MAX ? NULL : realloc(bytes, size);
		}
	}
	errno = E2BIG;
	fail("plan", "read", "read the launch plan: too large");
}

static int run_plan(struct launch *launch)
{
	const struct step *mode = plan_find(&launch->plan, OP_MODE);
	int pair[2];
	pid_t monitor;

	for (int fd = 0; fd < 3; fd++)
		if (launch->caller.stream_flags[fd] >= 0)
			(void)fcntl(fd, F_SETFL, launch->caller.stream_flags[fd]);
	if (mode && strcmp(mode->argv[0], "attach") == 0)
		return client_main(launch, client_connect(&launch->plan));
	if (!mode || strcmp(mode->argv[0], "foreground") == 0)
		return monitor_main(launch, -1);
	TRY(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), "monitor", "socketpair", "start the monitor");
	monitor = fork();
	TRY(monitor, "monitor", "fork", "start the monitor");
	if (monitor == 0) {
		close(pair[0]);
		_exit(monitor_main(launch, pair[1]));
	}
	close(pair[1]);
	return client_main(launch, pair[0]);
}

/* Signals that come while Node works are Node's: it cleans up and ends, and we end as it did. */
static pid_t node_child;

static void hand_to_node(int number)
{
	if (node_child > 0)
		(void)kill(node_child, number);
}

static int end_as(pid_t node)
{
	int status;

	while (waitpid(node, &status, 0) < 0)
		if (errno != EINTR)
			return 125;
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		(void)raise(WTERMSIG(status));
		return 128 + WTERMSIG(status);
	}
	return WEXITSTATUS(status);
}

static pid_t start_node(int argc, char **argv, int plan_fds[2])
{
	pid_t pid;

	if (pipe2(plan_fds, O_CLOEXEC) < 0 || (pid = fork()) < 0) {
		say("cannot start node: out of processes or descriptors");
		return -1;
	}
	if (pid == 0) {
		/* A launcher that is killed takes Node with it; what Node has set aside is swept by the next command. */
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (dup2(plan_fds[1], 3) != 3 || fcntl(3, F_SETFD, 0) < 0)
			_exit(125);
		setenv("RRUN_PLAN_FD", "3", 1);
		exec_node(node_argv(0, argv + 1, argc - 1));
	}
	close(plan_fds[1]);
	return pid;
}

/*
 * The command must not get at a program that its user can write: /proc/self/exe of the process that executes it is this
 * program (CVE-2019-5736). Installed by root it cannot be written; else we go on as a sealed copy. What is the user's own is
 * the container's root's too, whatever its mode.
 */
static void become_sealed(char **argv)
{
	char link[64];
	ssize_t len = readlink("/proc/self/exe", link, sizeof(link));
	int original;
	int copy;
	struct stat st;

	if ((len >= 7 && strncmp(link, "/memfd:", 7) == 0) || stat(self_path, &st) < 0 ||
	    (st.st_uid != getuid() && access(self_path, W_OK) < 0))
		return;
	original = open(self_path, O_RDONLY | O_CLOEXEC);
	/* MFD_CLOEXEC | MFD_ALLOW_SEALING, with MFD_EXEC for vm.memfd_noexec=1; before Linux 6.3 there is neither. */
	copy = (int)syscall(SYS_memfd_create, "rrun", 0x13u);
	if (copy < 0)
		copy = (int)syscall(SYS_memfd_create, "rrun", 0x3u);
	if (original < 0 || copy < 0)
		return;
	for (off_t left = st.st_size; left > 0;) {
		ssize_t put = syscall(SYS_sendfile, copy, original, NULL, (size_t)left);

		if (put <= 0)
			return;
		left -= put;
	}
	if (fcntl(copy, 1033 /* F_ADD_SEALS */, 0xf /* all seals */) < 0)
		return;
	setenv("RRUN_EXE", self_path, 1);
	(void)syscall(SYS_execveat, copy, "", argv, environ, AT_EMPTY_PATH);
	close(copy);
	close(original);
}

static bool is_node_command(const char *word)
{
	for (size_t i = 0; i < sizeof(node_commands) / sizeof(node_commands[0]); i++)
		if (strcmp(node_commands[i], word) == 0)
			return true;
	return false;
}

/* Node at its end gives the terminal the modes back that it found: not after we have made it raw. */
static void let_node_end(const struct plan *plan)
{
	if (!plan_find(plan, OP_TTY) || (!isatty(0) && !isatty(1) && !isatty(2)))
		return;
	while (waitpid(node_child, NULL, 0) < 0 && errno == EINTR)
		continue;
}

int launcher_main(int argc, char **argv, const struct caller *caller)
{
	static struct launch launch;
	static const int handed[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	int plan_fds[2];

	launch.caller = *caller;
	failing_plan = &launch.plan;
	fail_deliver = deliver_in_front;
	unsetenv("RRUN_PLAN_FD");
	if (!find_parts())
		return 125;
	if (argc < 2 || is_node_command(argv[1]))
		exec_node(node_argv(0, argv + 1, argc - 1));
	become_sealed(argv);
	set_title("FRONT", NULL);
	node_child = start_node(argc, argv, plan_fds);
	if (node_child < 0)
		return 125;
	for (size_t i = 0; i < sizeof(handed) / sizeof(handed[0]); i++)
		if (sigismember(&caller->ignored, handed[i]) != 1)
			signal(handed[i], hand_to_node);
	if (!read_plan(&launch.plan, plan_fds[0]))
		return end_as(node_child);
	let_node_end(&launch.plan);
	/* What the caller had open is not the container's: /proc/self/fd/N may be a working directory or a program. */
	close_from_3(0);
	for (size_t i = 0; i < sizeof(handed) / sizeof(handed[0]); i++)
		if (sigismember(&caller->ignored, handed[i]) != 1)
			signal(handed[i], SIG_DFL);
	return run_plan(&launch);
}

int plan_main(int argc, char **argv, const struct caller *caller)
{
	static struct launch launch;
	long long plan_fd;
	long long report;

	if (argc != 4 || !parse_number(argv[2], 3, INT_MAX, &plan_fd) || !parse_number(argv[3], 3, INT_MAX, &report)) {
		say("cannot use @plan: want the descriptors of the plan and of the report");
		return 125;
	}
	report_fd = (int)report;
	(void)fcntl(report_fd, F_SETFD, FD_CLOEXEC);
	(void)fcntl((int)plan_fd, F_SETFD, FD_CLOEXEC);
	launch.caller = *caller;
	failing_plan = &launch.plan;
	fail_deliver = deliver_in_front;
	/* Node cannot pass on the state that it was started in itself, but it must not outlive Node. */
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (!read_plan(&launch.plan, (int)plan_fd)) {
		errno = EPIPE;
		fail("plan", "read", "read the launch plan: it ended early");
	}
	close((int)plan_fd);
	return run_plan(&launch);
}
