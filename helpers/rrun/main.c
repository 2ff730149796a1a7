/*
 * rrun: the one program of ours that stays with a container. It decides nothing: Node decides, a launch plan says what was
 * decided, and this program carries it out.
 *
 *   rrun ARGS…            launcher   starts Node for a plan (launcher.c), then is monitor or client itself
 *     └─ monitor           holds lock, streams, log and exit status (monitor.c, supervise.c)
 *         ├─ slirp4netns…  programs of the plan (spawn.c)
 *         └─ keeper        first process inside, init of the outer PID namespace (keeper.c)
 *             └─ init      makes the mounts, becomes the command (init.c, mounts.c, process.c)
 *   rrun @plan FD FD      the same for a plan of Node's own: unpacking, removing
 *   rrun @locks DIR       which containers run
 */
#include "launch.h"
#include "launcher.h"

static char *title_start;
static size_t title_size;

void set_title(const char *role, const char *id)
{
	char title[64];

	FMT(title, "rrun:[%s]%s%.12s", role, id ? " " : "", id ? id : "");
	(void)prctl(PR_SET_NAME, "rrun");
	if (title_size > 1) {
		memset(title_start, 0, title_size);
		(void)snprintf(title_start, title_size, "%s", title);
	}
}

/* The arguments lie one after the other in memory, and /proc/PID/cmdline shows that memory. Never the environment's. */
static void find_title(int argc, char **argv)
{
	title_start = argv[0];
	for (int i = 0; i < argc && argv[i] == title_start + title_size; i++)
		title_size += strlen(argv[i]) + 1;
}

static void save_caller(struct caller *caller)
{
	sigprocmask(SIG_BLOCK, NULL, &caller->mask);
	sigemptyset(&caller->ignored);
	for (int number = 1; number < NSIG; number++) {
		struct sigaction action;

		if (sigaction(number, NULL, &action) == 0 && action.sa_handler == SIG_IGN)
			sigaddset(&caller->ignored, number);
	}
	for (int fd = 0; fd < 3; fd++)
		caller->stream_flags[fd] = fcntl(fd, F_GETFL);
}

/* A closed 0, 1 or 2 would be given to the next file that we open. */
static void fill_standard_descriptors(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	} while (fd >= 0 && fd < 3);
	if (fd > 2)
		close(fd);
}

int main(int argc, char **argv)
{
	struct caller caller;
	char **copy;

	save_caller(&caller);
	fill_standard_descriptors();
	if (argc == 3 && strcmp(argv[1], "@locks") == 0)
		return locks_main(argv[2]);
	/* set_title writes over argv. */
	copy = calloc((size_t)argc + 1, sizeof(char *));
	for (int i = 0; copy && i < argc; i++)
		copy[i] = strdup(argv[i]);
	find_title(argc, argv);
	if (!copy)
		return 125;
	if (argc >= 2 && strcmp(argv[1], "@plan") == 0)
		return plan_main(argc, copy, &caller);
	return launcher_main(argc, copy, &caller);
}
