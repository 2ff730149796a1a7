/* Programs of the plan: those that run beside the container (slirp4netns) and those that run to their end (fuse-overlayfs). */
#include "launch.h"
#include "report.h"

static char *substitute(const char *text, pid_t container, int ready, int exit_fd)
{
	static const char *const words[] = { "{pid}", "{ready}", "{exit}" };
	const int values[] = { (int)container, ready, exit_fd };
	char out[4096];
	size_t at = 0;

	while (*text && at < sizeof(out) - 16) {
		size_t w = 0;

		while (w < 3 && strncmp(text, words[w], strlen(words[w])) != 0)
			w++;
		if (w < 3) {
			at += (size_t)snprintf(out + at, sizeof(out) - at, "%d", values[w]);
			text += strlen(words[w]);
		} else {
			out[at++] = *text++;
		}
	}
	out[at] = '\0';
	return strdup(out);
}

static void exec_spawned(const struct step *step, pid_t container, int ready, int exit_fd, int output,
			 const struct caller *caller)
{
	char **argv = calloc((size_t)step->argc, sizeof(char *));
	const char *libraries = getenv("LD_LIBRARY_PATH");
	int null = open("/dev/null", O_RDONLY);

	if (!argv || null < 0)
		_exit(126);
	for (int i = 2; i < step->argc; i++)
		argv[i - 2] = substitute(step->argv[i], container, ready, exit_fd);
	dup2(null, 0);
	dup2(output, 1);
	dup2(output, 2);
	close_from_3(RRUN_CLOSE_RANGE_CLOEXEC);
	fcntl(ready, F_SETFD, 0);
	fcntl(exit_fd, F_SETFD, 0);
	caller_restore(caller);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* With --pid=host the container can read the environment of a program that joins its user namespace. */
	clearenv();
	if (libraries)
		setenv("LD_LIBRARY_PATH", libraries, 1);
	execv(argv[0], argv);
	dprintf(2, "%s", strerror(errno));
	_exit(127);
}

void spawn_start(struct spawned *spawned, const struct step *step, pid_t container, const struct caller *caller)
{
	int ready[2];
	int exit_pipe[2];
	struct step program = *step;

	spawned->name = step->argv[0];
	if (!parse_number(step->argv[1], 1, 3600, &spawned->timeout_ms)) {
		errno = EINVAL;
		fail("plan", "spawn", "use \"%s\" as a time-out", step->argv[1]);
	}
	spawned->timeout_ms *= 1000;
	spawned->output = (int)syscall(SYS_memfd_create, "rrun-output", 1u);
	TRY(spawned->output, "spawn", "memfd_create", "start %s", spawned->name);
	TRY(pipe2(ready, O_CLOEXEC), "spawn", "pipe", "start %s", spawned->name);
	TRY(pipe2(exit_pipe, O_CLOEXEC), "spawn", "pipe", "start %s", spawned->name);
	program.argv = step->argv;
	spawned->pid = fork();
	TRY(spawned->pid, "spawn", "fork", "start %s", spawned->name);
	if (spawned->pid == 0)
		exec_spawned(&program, container, ready[1], exit_pipe[0], spawned->output, caller);
	close(ready[1]);
	close(exit_pipe[0]);
	spawned->ready = ready[0];
	spawned->exit = exit_pipe[1];
}

void spawn_failed(const struct spawned *spawned, const char *why)
{
	if (pread(spawned->output, fail_detail, sizeof(fail_detail) - 1, 0) < 0)
		fail_detail[0] = '\0';
	errno = ECANCELED;
	fail("spawn", spawned->name, "%s", why);
}

void spawn_ready(struct spawned *spawned)
{
	char byte;
	ssize_t got = read(spawned->ready, &byte, 1);

	if (got < 0 && errno == EINTR)
		return;
	if (got != 1)
		spawn_failed(spawned, "it ended before it was ready");
	close(spawned->ready);
	spawned->ready = -1;
}

void spawn_run(const struct step *step, const struct caller *caller)
{
	int output = (int)syscall(SYS_memfd_create, "rrun-output", 1u);
	int status;
	pid_t child;

	TRY(output, "spawn", "memfd_create", "run %s", step->argv[0]);
	child = fork();
	TRY(child, "spawn", "fork", "run %s", step->argv[0]);
	if (child == 0) {
		dup2(output, 1);
		dup2(output, 2);
		close_from_3(RRUN_CLOSE_RANGE_CLOEXEC);
		caller_restore(caller);
		become_root();
		if (geteuid() != 0)
			capabilities_keep_over_exec();
		execv(step->argv[1], step->argv + 1);
		dprintf(2, "%s", strerror(errno));
		_exit(127);
	}
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("spawn", "waitpid", "run %s", step->argv[0]);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
		struct spawned ended = { .name = step->argv[0], .output = output };

		spawn_failed(&ended, "it failed");
	}
	close(output);
}
