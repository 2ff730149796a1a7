/* Tells which containers run: those whose lock file is locked. Node asks us, because it cannot ask the kernel itself. */
#include "launch.h"

/* F_OFD_GETLK asks without taking, so that asking never disturbs a monitor that is just starting (fcntl(2)). */
static bool is_locked(int dir, const char *id)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char path[NAME_MAX + 8];
	bool held;
	int fd;

	FMT(path, "%s/lock", id);
	fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (fd < 0)
		return false;
	held = fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
	close(fd);
	return held;
}

int locks_main(const char *containers_dir)
{
	int fd = open(containers_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	struct dirent *entry;

	if (!dir)
		return errno == ENOENT ? 0 : 125;
	while ((entry = readdir(dir)))
		if (entry->d_name[0] != '.' && is_locked(fd, entry->d_name))
			puts(entry->d_name);
	closedir(dir);
	return fflush(stdout) == 0 ? 0 : 125;
}
