/*
 * module.c
 *	  The module's start.
 */
#include "postgres.h"

#include "core/settings.h"
#include "fmgr.h"
#include "who/opened.h"

#ifdef PG_MODULE_MAGIC_EXT
PG_MODULE_MAGIC_EXT(.name = "rde");
#else
PG_MODULE_MAGIC;
#endif

void		_PG_init(void);

void
_PG_init(void)
{
	rde_settings_define();
	rde_access_init();
}
