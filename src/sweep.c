#include "sweep.h"
bool
rde_sweep_watched(const RdeHome *home)
{
	return false;
}
