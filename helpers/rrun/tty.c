/* The container's pseudo-terminal: made in its own devpts, so that `tty` says /dev/pts/0 inside. */
#include "launch.h"
#include "msg.h"
#include "report.h"

#include <sys/ioctl.h>

static void bind_console(int terminal)
{
	int tree = (int)syscall(SYS_open_tree, terminal, "",
				RRUN_OPEN_TREE_CLONE | RRUN_OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	int target = open("/dev/console", O_CREAT | O_WRONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK, 0600);

	if (tree >= 0 && target >= 0)
		(void)syscall(SYS_move_mount, tree, "", target, "",
			      RRUN_MOVE_MOUNT_F_EMPTY_PATH | RRUN_MOVE_MOUNT_T_EMPTY_PATH);
	close(tree);
	close(target);
}

void tty_make_console(int init_ctl, bool alone)
{
	int unlock = 0;
	int fds[2];

	fds[0] = open("/dev/pts/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
	TRY(fds[0], "tty", "open", "open /dev/pts/ptmx");
	TRY(ioctl(fds[0], TIOCSPTLCK, &unlock), "tty", "ioctl", "unlock the terminal");
	/* TIOCGPTPEER opens the other side without a path that a container could have put something at. */
	fds[1] = ioctl(fds[0], TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	TRY(fds[1], "tty", "ioctl", "open the terminal");

	if (!alone)
		bind_console(fds[1]);
	if (!msg_send_fds(init_ctl, 'T', fds))
		fail("tty", "sendmsg", "hand over the terminal");
	TRY(ioctl(fds[1], TIOCSCTTY, 0), "tty", "ioctl", "make the terminal the controlling one");
	for (int fd = 0; fd < 3; fd++)
		dup2(fds[1], fd);
	close(fds[0]);
	close(fds[1]);
}
