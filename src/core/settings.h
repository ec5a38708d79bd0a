/*
 * settings.h
 *	  The settings: what an administrator chooses for all reports.
 */
#ifndef RDE_SETTINGS_H
#define RDE_SETTINGS_H

/* Each has been through its check: an interval, a time zone, a URL's characters. */
extern char *rde_setting_retention;
extern char *rde_setting_settle_limit;
extern char *rde_setting_time_zone;
extern char *rde_setting_base_url;
extern char *rde_setting_link_lifetime;
extern char *rde_setting_max_span;
extern bool rde_setting_notify;
extern int	rde_setting_helpers;	/* rde.max_parallel_workers_per_report */

/* Call once, when the module is loaded. */
extern void rde_settings_define(void);

#endif							/* RDE_SETTINGS_H */
