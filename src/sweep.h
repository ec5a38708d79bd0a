#ifndef RDE_SWEEP_H
#define RDE_SWEEP_H
#include "rde.h"
extern bool rde_sweep_watched(const RdeHome *home);
#endif
