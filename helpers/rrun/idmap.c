/* Writes the id maps of a new user namespace: directly, or by newuidmap and newgidmap, both at once. */
#include "launch.h"
#include "report.h"

static void write_proc_file(pid_t pid, const char *name, const char *text)
{
	char path[64];
	size_t len = strlen(text);
	int fd;

	FMT(path, "/proc/%d/%s", (int)pid, name);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	TRY(fd, "idmap", "open", "open %s", path);
	/* One write(2): the kernel takes a whole map or none of it. */
	if (write(fd, text, len) != (ssize_t)len)
		fail("idmap", "write", "write \"%s\" to %s", text, path);
	close(fd);
}

static void write_direct(pid_t pid, const char *name, const struct step *step)
{
	char text[4096];
	size_t at = 0;

	for (int i = 1; i < step->argc; i++) {
		int put = snprintf(text + at, sizeof(text) - at, "%s%c", step->argv[i], i % 3 == 0 ? '\n' : ' ');

		if (put < 0 || (size_t)put >= sizeof(text) - at) {
			errno = E2BIG;
			fail("idmap", "write", "write %s", name);
		}
		at += (size_t)put;
	}
	write_proc_file(pid, name, text);
}

/* argv of newuidmap: program, pid, then the triples (newuidmap(1)). */
static pid_t start_mapper(const struct step *step, pid_t pid, int output)
{
	char pid_text[16];
	char **argv = calloc((size_t)step->argc + 2, sizeof(char *));
	pid_t child;

	if (!argv)
		fail("idmap", "calloc", "run \"%s\"", step->argv[0]);
	FMT(pid_text, "%d", (int)pid);
	argv[0] = step->argv[0];
	argv[1] = pid_text;
	memcpy(argv + 2, step->argv + 1, (size_t)(step->argc - 1) * sizeof(char *));
	/* fork, not posix_spawn: the second program must not wait until the first has been executed. */
	child = fork();
	TRY(child, "idmap", "fork", "run \"%s\"", step->argv[0]);
	if (child == 0) {
		sigset_t none;

		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		dup2(output, 1);
		dup2(output, 2);
		execv(argv[0], argv);
		_exit(errno == ENOENT ? 127 : 126);
	}
	free(argv);
	return child;
}

static void wait_mapper(pid_t child, const struct step *step, int output)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			fail("idmap", "waitpid", "run \"%s\"", step->argv[0]);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return;
	if (pread(output, fail_detail, sizeof(fail_detail) - 1, 0) < 0)
		fail_detail[0] = '\0';
	errno = WIFEXITED(status) && WEXITSTATUS(status) == 127	  ? ENOENT
		: WIFEXITED(status) && WEXITSTATUS(status) == 126 ? EACCES
								  : EPERM;
	fail("idmap", WIFEXITED(status) && WEXITSTATUS(status) >= 126 ? "execve" : "exit", "run \"%s\"", step->argv[0]);
}

void idmap_write(const struct plan *plan, pid_t pid)
{
	const struct step *uids = plan_find(plan, OP_UIDMAP);
	const struct step *gids = plan_find(plan, OP_GIDMAP);
	pid_t uid_child;
	pid_t gid_child;
	int output;

	if (!uids || !gids)
		return;
	/* setgroups first: since Linux 3.19 an unprivileged gid_map write is refused until it is "deny" (user_namespaces(7)). */
	if (plan_find(plan, OP_SETGROUPS_DENY))
		write_proc_file(pid, "setgroups", "deny");
	if (strcmp(uids->argv[0], "direct") == 0) {
		write_direct(pid, "uid_map", uids);
		write_direct(pid, "gid_map", gids);
		return;
	}
	output = (int)syscall(SYS_memfd_create, "rrun-idmap", 1u /* MFD_CLOEXEC */);
	TRY(output, "idmap", "memfd_create", "run \"%s\"", uids->argv[0]);
	uid_child = start_mapper(uids, pid, output);
	gid_child = start_mapper(gids, pid, output);
	wait_mapper(uid_child, uids, output);
	wait_mapper(gid_child, gids, output);
	close(output);
}
