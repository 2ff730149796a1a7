/* What the monitor keeps on disk: the lock, the log, the exit status, the socket that clients come to. */
#include "monitor.h"

#include "report.h"

static void take_lock(struct monitor *m, const struct step *step)
{
	struct flock whole = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	m->lock = open(step->argv[0], O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	TRY(m->lock, "lock", "open", "open \"%s\"", step->argv[0]);
	/* An open-file-description lock: it goes when the last of us is gone, whatever killed us (fcntl(2)). */
	if (fcntl(m->lock, F_OFD_SETLK, &whole) < 0) {
		close(m->lock);
		m->lock = -1;
		fail("lock", "fcntl", "it is running already");
	}
	(void)!ftruncate(m->lock, 0);
}

/* Room for the exit status is taken now, so that a full disk cannot lose it later. */
static void reserve_exit_file(struct monitor *m, const struct step *step)
{
	char path[PATH_MAX];
	char blank[256];

	FMT(path, "%s.tmp", step->argv[0]);
	m->exit_file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
	TRY(m->exit_file, "exit-file", "open", "open \"%s\"", path);
	memset(blank, '\n', sizeof(blank));
	if (write(m->exit_file, blank, sizeof(blank)) != (ssize_t)sizeof(blank))
		fail("exit-file", "write", "write \"%s\"", path);
}

static void listen_on(struct monitor *m, const struct step *step)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char directory[PATH_MAX];
	char *slash;
	int dir;

	FMT(directory, "%s", step->argv[0]);
	slash = strrchr(directory, '/');
	if (!slash) {
		errno = EINVAL;
		fail("plan", "socket", "use \"%s\"", step->argv[0]);
	}
	*slash = '\0';
	if (mkdir(directory, 0700) < 0 && errno != EEXIST)
		fail("socket", "mkdir", "make directory \"%s\"", directory);
	m->socket_path = step->argv[0];
	/* A socket's address has 108 bytes; through the directory's descriptor any path fits. */
	dir = open(directory, O_PATH | O_DIRECTORY | O_CLOEXEC);
	TRY(dir, "socket", "open", "open \"%s\"", directory);
	(void)unlinkat(dir, slash + 1, 0);
	FMT(address.sun_path, "/proc/self/fd/%d/%.40s", dir, slash + 1);
	m->listen = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (m->listen < 0 || bind(m->listen, (struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(m->listen, 16) < 0)
		fail("socket", "bind", "listen on \"%s\"", step->argv[0]);
	close(dir);
}

void state_open(struct monitor *m)
{
	const struct plan *plan = &m->launch->plan;
	const struct step *step;

	if ((step = plan_find(plan, OP_LOCK)))
		take_lock(m, step);
	if ((step = plan_find(plan, OP_EXIT_FILE)))
		reserve_exit_file(m, step);
	if ((step = plan_find(plan, OP_LOG))) {
		m->log.fd =
			open(step->argv[0], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
		TRY(m->log.fd, "log", "open", "open \"%s\"", step->argv[0]);
	}
	if ((step = plan_find(plan, OP_SOCKET)))
		listen_on(m, step);
}

void state_forget_exit(const struct monitor *m)
{
	const struct step *exit_file = plan_find(&m->launch->plan, OP_EXIT_FILE);
	char aside[PATH_MAX];

	if (!exit_file || m->exit_file < 0)
		return;
	FMT(aside, "%s.tmp", exit_file->argv[0]);
	(void)unlink(aside);
}

void state_write_exit(const struct monitor *m, int code)
{
	const struct step *step = plan_find(&m->launch->plan, OP_EXIT_FILE);
	struct timespec now;
	char finished[64];
	char text[256];
	char aside[PATH_MAX];
	int len;

	if (!step)
		return;
	clock_gettime(CLOCK_REALTIME, &now);
	format_time(finished, sizeof(finished), &now);
	len = snprintf(text, sizeof(text), "%d %s %s\n", code, m->started, finished);
	FMT(aside, "%s.tmp", step->argv[0]);
	if (pwrite(m->exit_file, text, (size_t)len, 0) == len && ftruncate(m->exit_file, len) == 0)
		(void)rename(aside, step->argv[0]);
}
