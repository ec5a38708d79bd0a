# shellcheck shell=bash disable=SC2034
# server.sh
#
# A private server for a part of the benchmark, with its default settings but for the
# size of its caches, and a table of what was measured.  To be sourced by bash, in the
# top folder of the sources; settings of one's own are the arguments of start_server.

source test/common.sh

make_work_folder
data=$work/data
# shellcheck disable=SC2317
stop_server()
{
	if [[ -e $data/postmaster.pid ]]; then
		as_server "$bindir/pg_ctl" -D "$data" -m immediate -s stop || true
	fi
	rm -rf "$work"
}
trap stop_server EXIT

pg_config=$PG_CONFIG
unset LANGUAGE ${!PG*} ${!LC_*}
PG_CONFIG=$pg_config
export LANG=C.UTF-8 TZ=UTC PGHOST=$work PGUSER=bench PGDATABASE=postgres

start_server()
{
	build_and_stage
	as_server "$bindir/initdb" -D "$data" -U "$PGUSER" -A trust --locale=C.UTF-8 \
		-E UTF8 >/dev/null
	{
		cat "$work/stage.conf"
		printf '%s\n' "listen_addresses = ''" "unix_socket_directories = '$work'" \
			'shared_buffers = 1GB' 'max_wal_size = 8GB' 'checkpoint_timeout = 1h' 'autovacuum = off' "$@"
	} >>"$data/postgresql.conf"
	as_server "$bindir/pg_ctl" -D "$data" -l "$work/log" -s -w start
}

query()
{
	"$bindir/psql" -X -q -A -t -v ON_ERROR_STOP=1 "$@"
}

# Milliseconds that a statement takes, the last of those given.
milliseconds()
{
	{
		printf '%s;\n' "${@:1:$#-1}"
		echo "\\timing on"
		printf '%s;\n' "${@: -1}"
	} | PGOPTIONS='-c client_min_messages=error' query -o /dev/null | awk '$1 == "Time:" { ms = $2 } END { print ms }'
}

# The median of numbers, one a line.
median()
{
	sort -g | awk '{ v[NR] = $1 } END { print (v[int((NR + 1) / 2)] + v[int(NR / 2) + 1]) / 2 }'
}

missed=0

table_head()
{
	echo "$1, $(nproc) processors, PostgreSQL $("$bindir/postgres" --version | awk '{ print $3 }')"
	echo
	echo '| what | measured | goal |'
	echo '|---|---|---|'
}

# A line of the table: what was measured, how it compares with the goal (-le, -ge),
# and the unit.
table_line()
{
	local what=$1 measured=$2 compare=$3 goal=$4 unit=$5 sign='at most' note=''

	[[ $compare == -ge ]] && sign='at least'
	if ! awk -v m="$measured" -v g="$goal" -v c="$compare" 'BEGIN { exit !(c == "-ge" ? m >= g : m <= g) }'; then
		note=' (missed)'
		missed=1
	fi
	echo "| $what | $measured $unit | $sign $goal$note |"
}
