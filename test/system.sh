# shellcheck shell=bash disable=SC2034
# system.sh
#
# The sources for another place, and Debian systems to take them to: what the programs
# share that test elsewhere than in this folder.  To be sourced by bash, in the top folder
# of the sources; of PostgreSQL nothing needs to be there.

# Systems are kept here, some GB.
systems=${RDE_MATRIX:-/var/tmp/rde-matrix}

# The sources as they are here, committed or not.
copy_tree()
{
	git ls-files -z --cached --others --exclude-standard |
		while IFS= read -r -d '' file; do [[ ! -e $file ]] || printf '%s\0' "$file"; done |
		tar -c --null -T - | tar -x -C "$1"
}

# Where apt gets packages from on this machine.
mirror()
{
	local found

	found=$(sed -n 's/^URIs: *\([^ ]*\).*/\1/p; s/^deb \(\[.*\] \)\{0,1\}\([^ ]*\).*/\2/p' \
		/etc/apt/sources.list /etc/apt/sources.list.d/*.{list,sources} 2>/dev/null |
		grep '/debian/*$' | head -n 1) || true
	echo "${found:-http://deb.debian.org/debian}"
}

# A system of a release and a processor, unless it is there; arguments are debootstrap's.
make_system()
{
	local system=$1 release=$2 processor=$3

	shift 3
	[[ -e $system/etc/debian_version && ! -e $system/debootstrap ]] && return
	rm -rf "$system"
	mkdir -p "$system"
	debootstrap --arch="$processor" --variant=minbase "$@" \
		"$release" "$system" "$(mirror)" >"$system.log" 2>&1 || { tail "$system.log"; return 1; }
}
