/* The caller's terminal. kill -9 leaves no handler, so a guard, which holds the old settings, waits for our end. */
#include "terminal.h"

#include <sys/ioctl.h>

#include "launch.h"

static struct termios saved;
static bool is_raw;
static int guard_pipe = -1;
static pid_t guard;

static void guard_main(int from)
{
	sigset_t all;
	char byte;

	/* Blocked, SIGTTOU does not keep a background process from setting the terminal (termios(3)). */
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	set_title("TERMINAL", NULL);
	dup2(from, 1);
	dup2(from, 2);
	close_from_3(0);
	if (read(1, &byte, 1) == 0)
		(void)tcsetattr(0, TCSANOW, &saved);
	_exit(0);
}

void terminal_raw(void)
{
	struct termios raw;
	int ends[2];

	if (is_raw || tcgetattr(0, &saved) < 0 || pipe2(ends, O_CLOEXEC) < 0)
		return;
	guard = fork();
	if (guard == 0) {
		close(ends[1]);
		guard_main(ends[0]);
	}
	close(ends[0]);
	guard_pipe = ends[1];
	raw = saved;
	cfmakeraw(&raw);
	is_raw = tcsetattr(0, TCSADRAIN, &raw) == 0;
}

void terminal_restore(void)
{
	if (!is_raw)
		return;
	(void)tcsetattr(0, TCSADRAIN, &saved);
	is_raw = false;
	/* Word to the guard that there is nothing left to give back. */
	(void)!write(guard_pipe, "q", 1);
	close(guard_pipe);
	if (guard > 0)
		(void)waitpid(guard, NULL, 0);
}

bool terminal_size(unsigned short size[2])
{
	struct winsize window;

	for (int fd = 0; fd < 3; fd++) {
		if (ioctl(fd, TIOCGWINSZ, &window) == 0) {
			size[0] = window.ws_row;
			size[1] = window.ws_col;
			return true;
		}
	}
	return false;
}
