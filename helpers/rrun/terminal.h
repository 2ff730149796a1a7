/* The caller's own terminal: raw mode, given back on every way out, and its size. */
#ifndef RRUN_TERMINAL_H
#define RRUN_TERMINAL_H

#include "sys.h"

/* Puts the terminal on descriptor 0 into raw mode; a small guard process gives it back should we be killed. */
void terminal_raw(void);
void terminal_restore(void);

/* Rows and columns of the first standard descriptor that is a terminal; false when none is. */
bool terminal_size(unsigned short size[2]);

#endif
