/* Makes failure records. Knows nothing of who reads them. */
#include "report.h"

#include <stdarg.h>

#include "sys.h"

void (*fail_deliver)(const char *record, size_t len);
char fail_detail[1024];

const char *errno_name(int number)
{
	/* musl has no strerrorname_np. */
	static const struct {
		int number;
		const char *name;
	} names[] = {
		{ EPERM, "EPERM" },	{ ENOENT, "ENOENT" },
		{ ESRCH, "ESRCH" },	{ EINTR, "EINTR" },
		{ EIO, "EIO" },		{ ENXIO, "ENXIO" },
		{ E2BIG, "E2BIG" },	{ ENOEXEC, "ENOEXEC" },
		{ EBADF, "EBADF" },	{ ECHILD, "ECHILD" },
		{ EAGAIN, "EAGAIN" },	{ ENOMEM, "ENOMEM" },
		{ EACCES, "EACCES" },	{ EFAULT, "EFAULT" },
		{ ENOTBLK, "ENOTBLK" }, { EBUSY, "EBUSY" },
		{ EEXIST, "EEXIST" },	{ EXDEV, "EXDEV" },
		{ ENODEV, "ENODEV" },	{ ENOTDIR, "ENOTDIR" },
		{ EISDIR, "EISDIR" },	{ EINVAL, "EINVAL" },
		{ ENFILE, "ENFILE" },	{ EMFILE, "EMFILE" },
		{ ENOTTY, "ENOTTY" },	{ ETXTBSY, "ETXTBSY" },
		{ EFBIG, "EFBIG" },	{ ENOSPC, "ENOSPC" },
		{ ESPIPE, "ESPIPE" },	{ EROFS, "EROFS" },
		{ EMLINK, "EMLINK" },	{ EPIPE, "EPIPE" },
		{ ERANGE, "ERANGE" },	{ ENAMETOOLONG, "ENAMETOOLONG" },
		{ ENOSYS, "ENOSYS" },	{ ENOTEMPTY, "ENOTEMPTY" },
		{ ELOOP, "ELOOP" },	{ EPROTO, "EPROTO" },
		{ EBADMSG, "EBADMSG" }, { EOVERFLOW, "EOVERFLOW" },
		{ EILSEQ, "EILSEQ" },	{ EUSERS, "EUSERS" },
		{ EMSGSIZE, "EMSGSIZE" },
		{ EOPNOTSUPP, "EOPNOTSUPP" },
		{ EADDRINUSE, "EADDRINUSE" },
		{ ECONNRESET, "ECONNRESET" },
		{ ETIMEDOUT, "ETIMEDOUT" },
		{ ECONNREFUSED, "ECONNREFUSED" },
		{ ESTALE, "ESTALE" },	{ EDQUOT, "EDQUOT" },
		{ ECANCELED, "ECANCELED" },
		{ 0, "0" },
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].number == number)
			return names[i].name;
	return "E?";
}

void fail_with_record(const char *record, size_t len)
{
	fail_deliver(record, len);
	_exit(125);
}

void fail(const char *stage, const char *syscall, const char *action_format, ...)
{
	const char *name = errno_name(errno);
	char action[1024];
	char record[RECORD_MAX];
	va_list args;
	int len;

	va_start(args, action_format);
	(void)vsnprintf(action, sizeof(action), action_format, args);
	va_end(args);
	len = snprintf(record, sizeof(record), "%s%c%s%c%s%c%s%c%s", stage, 0, syscall, 0, name, 0, action, 0,
		       fail_detail);
	if (len < 0 || (size_t)len >= sizeof(record))
		len = (int)sizeof(record) - 1;
	fail_with_record(record, (size_t)len + 1);
}
