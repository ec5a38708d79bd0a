# shellcheck shell=bash disable=SC2034
# common.sh
#
# What test/run and test/demo share: building the extension, a stage to run it
# from without installing anything, and private servers under an unprivileged
# user.  To be sourced by bash, in the top folder of the sources.
#
# PG_CONFIG picks a server; RDE_TEST_USER is whom root steps down to.

umask 022

PG_CONFIG=${PG_CONFIG:-pg_config}
bindir=$("$PG_CONFIG" --bindir)
pgxs_test=$(dirname "$("$PG_CONFIG" --pgxs)")/../test

# initdb and the server refuse root.
server_user=$(id -un)
if [ "$(id -u)" = 0 ]; then
	server_user=${RDE_TEST_USER:-postgres}
fi

# Run a command as the user servers run as, in a folder that user may enter.
as_server()
{
	if [ "$(id -un)" = "$server_user" ]; then
		(cd "$work" && HOME=$work "$@")
	else
		(cd "$work" && HOME=$work runuser -u "$server_user" -- "$@")
	fi
}

# Make $work, a temporary folder of that user's, removed when the shell exits.
# It is short, for the path of a socket may have 107 bytes.
make_work_folder()
{
	work=$(mktemp -d "${TMPDIR:-/tmp}/rde.XXXXXX")
	chmod 755 "$work"
	chown "$server_user" "$work"
}

# Build as whoever called, install below $work/stage, and write to
# $work/stage.conf what makes a server load it from there.
build_and_stage()
{
	local stage=$work/stage options=(PG_CONFIG="$PG_CONFIG" with_llvm=no) object

	# tests link what objects there are; a file may have moved since they were made
	for object in src/*/*.o azure/*.o; do
		if [[ ! -e ${object%.o}.c ]]; then
			rm -f "$object"
		fi
	done
	# PGXS takes the server's compiler, whatever the environment says
	[[ -z ${CC:-} ]] || options+=(CC="$CC")
	make --no-print-directory -j2 -s "${options[@]}" all
	make --no-print-directory -s "${options[@]}" \
		DESTDIR="$stage" RDE_PREFIX=/usr install >/dev/null

	if "$bindir/postgres" --describe-config | grep '^extension_destdir' >/dev/null; then
		echo "extension_destdir = '$stage'"
	else
		echo "extension_control_path = '$stage$("$PG_CONFIG" --sharedir):\$system'"
	fi >"$work/stage.conf"
	echo "dynamic_library_path = '$stage$("$PG_CONFIG" --pkglibdir):\$libdir'" \
		>>"$work/stage.conf"
}
