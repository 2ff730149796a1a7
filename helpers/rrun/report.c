/* Makes failure records. Knows nothing of who reads them. */
#include "report.h"

#include <stdarg.h>

#include "sys.h"

void (*fail_deliver)(const char *record, size_t len);
char fail_detail[1024];

void fail_with_record(const char *record, size_t len)
{
	fail_deliver(record, len);
	_exit(125);
}

void fail(const char *stage, const char *syscall, const char *action_format, ...)
{
	int number = errno;
	char action[1024];
	char record[RECORD_MAX];
	va_list args;
	int len;

	va_start(args, action_format);
	(void)vsnprintf(action, sizeof(action), action_format, args);
	va_end(args);
	len = snprintf(record, sizeof(record), "%s%c%s%c%d%c%s%c%s", stage, 0, syscall, 0, number, 0, action, 0,
		       fail_detail);
	if (len < 0 || (size_t)len >= sizeof(record))
		len = (int)sizeof(record) - 1;
	fail_with_record(record, (size_t)len + 1);
}
