#!/usr/bin/python3
#
# zone_calendar.py - days and a generator's periods, reckoned anew
#
#   zone_calendar.py table file     compare what the server reckoned
#   zone_calendar.py replay file    compare the reports a server made
#
# Knows of a zone only which offset it has at an instant, by Python's zoneinfo,
# and of a calendar these rules: a day begins at the first instant whose local
# date it is; a day without such an instant does not exist; a period ends where
# the first day of the next day, week, month or quarter begins that exists; its
# report is due at the first instant whose local date and time are not before the
# day and time to run at, and not before the period's end.  The day to run at is,
# of days and weeks, that first day; of months and quarters, the first month_day
# (in a month without it, its last day) that is not before the day they end by
# the calendar.
#
# table: a row is zone, event, the day at whose start the period begins (empty
# where it begins elsewhere), week_day, month_start, month_day, run_at, and the
# instants from, to and run.  replay: what happened, in order, one a row:
#
#   generator  name event zone week_day month_start month_day run_at start catch_up
#   alter      name field value      its zone, week_day, month_start is changed
#   run        now                   rde_run_due, to the end
#   report     name from to due      in the order of name and from
#
# All instants are microseconds since 1970, all fields separated by tabs.
# Prints how much was compared; differences go to stderr, the first ten of
# them, and make it fail.

import bisect
import datetime
import functools
import sys
import zoneinfo

SECOND = 1_000_000
DAY = 86400 * SECOND
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
EPOCH_DAY = EPOCH.toordinal()
FIRST, LAST = datetime.date(1968, 1, 1), datetime.date(2041, 1, 1)
FOREVER = 1 << 62

differences = 0


def differ(*what):
    global differences
    differences += 1
    if differences <= 10:
        print(*what, file=sys.stderr)


def day_number(day):
    return day.toordinal() - EPOCH_DAY


def day_of_number(number):
    return datetime.date.fromordinal(number + EPOCH_DAY)


def month_length(year, month):
    return ((datetime.date(year, month, 28) + datetime.timedelta(4)).replace(day=1) - datetime.date(year, month, 1)).days


class Zone:
    def __init__(self, name):
        self.zone = zoneinfo.ZoneInfo(name)
        self.find_stretches()
        self.find_days()

    def offset(self, second):
        local = (EPOCH + datetime.timedelta(seconds=second)).astimezone(self.zone)
        return round(local.utcoffset().total_seconds())

    # Stretches of time in which clocks run on: where each begins and by how
    # much clocks are ahead of UTC in it.
    def find_stretches(self):
        step = 6 * 3600
        second, end = ((day_number(day) - 2) * 86400 for day in (FIRST, LAST))
        self.begins, self.ahead = [-FOREVER], [self.offset(second) * SECOND]
        while second < end:
            low, high = second, second + step
            before, after = self.offset(low), self.offset(high)
            second = high
            if before == after:
                continue
            while high - low > 1:
                middle = (low + high) // 2
                if self.offset(middle) == before:
                    low = middle
                else:
                    high = middle
            self.begins.append(high * SECOND)
            self.ahead.append(after * SECOND)
        self.begins.append(FOREVER)

    # The first instant at which clocks show a time of at least low and less
    # than high; None if they never do.
    def first(self, low, high=FOREVER):
        i = bisect.bisect_right(self.begins, low - 3 * DAY) - 1
        while i < len(self.ahead):
            instant = max(self.begins[i], low - self.ahead[i])
            if instant < self.begins[i + 1] and instant + self.ahead[i] < high:
                return instant
            if self.begins[i] > low + 3 * DAY:
                return None
            i += 1
        return None

    # The days there are, and where they begin.
    def find_days(self):
        self.days, self.starts, self.start_of, self.calendars = [], [], {}, {}
        for number in range(day_number(FIRST), day_number(LAST)):
            start = self.first(number * DAY, (number + 1) * DAY)
            self.start_of[number] = start
            if start is None:
                continue
            self.days.append(number)
            self.starts.append(start)

    # Where the periods of an event begin: their first days by the calendar, the
    # first of their days that exist, and the instants these begin.
    def calendar(self, event, week_day, month_start):
        key = event, week_day, month_start
        if key not in self.calendars:
            firsts, days, starts = [], [], []
            for number, start in zip(self.days, self.starts):
                first = first_day(event, number, week_day, month_start)
                if not firsts or firsts[-1] != first:
                    firsts.append(first)
                    days.append(number)
                    starts.append(start)
            self.calendars[key] = firsts, days, starts
        return self.calendars[key]

    def period(self, event, begin, week_day, month_start, month_day, run_at):
        firsts, days, starts = self.calendar(event, week_day, month_start)
        i = bisect.bisect_right(starts, begin)
        run_day = days[i]
        if event in ("monthly", "quarterly"):
            run_day = firsts[i]
            while not is_month_day(day_of_number(run_day), month_day):
                run_day += 1
        return starts[i], max(starts[i], self.first(run_day * DAY + run_at))


# The first day, by the calendar, of the period that a day is in: found by going
# back day by day.
@functools.lru_cache(maxsize=None)
def first_day(event, number, week_day, month_start):
    while True:
        day = day_of_number(number)
        if (event == "daily"
                or event == "weekly" and day.isoweekday() == week_day
                or event == "monthly" and day.day == month_start
                or event == "quarterly" and day.day == 1 and day.month in (1, 4, 7, 10)):
            return number
        number -= 1


def is_month_day(day, month_day):
    return day.day == month_day or day.day < month_day and day.day == month_length(day.year, day.month)


@functools.lru_cache(maxsize=4)
def zone_of(name):
    return Zone(name)


@functools.lru_cache(maxsize=None)
def microseconds(time):
    hours, minutes, seconds = time.split(":")
    return round((int(hours) * 3600 + int(minutes) * 60 + float(seconds)) * SECOND)


def rows(path):
    with open(path, encoding="utf-8") as file:
        for line in file:
            yield line.rstrip("\n").split("\t")


def compare_table(path):
    count, zones = 0, set()
    for name, event, day, week_day, month_start, month_day, run_at, begin, end, run in rows(path):
        zone = zone_of(name)
        zones.add(name)
        begin = int(begin)
        if day:
            number = day_number(datetime.date.fromisoformat(day))
            start = zone.start_of[number]
            while start is None:
                number += 1
                start = zone.start_of[number]
            if begin != start:
                differ(name, day, "begins at", start, "and not at", begin)
        expected = zone.period(event, begin, int(week_day), int(month_start), int(month_day), microseconds(run_at))
        if expected != (int(end), int(run)):
            differ(name, event, week_day, month_start, month_day, run_at, "from", begin, "is to, run", *expected, "and not", end, run)
        count += 1
    print(f"periods={count} zones={len(zones)}")


class Generator:
    def __init__(self, event, zone, week_day, month_start, month_day, run_at, start, catch_up):
        self.event, self.zone, self.catch_up = event, Zone(zone), catch_up
        self.week_day, self.month_start, self.month_day = int(week_day), int(month_start), int(month_day)
        self.run_at = microseconds(run_at)
        first = first_day(event, day_number(datetime.date.fromisoformat(start)), self.week_day, self.month_start)
        self.begin = self.zone.start_of[first]
        self.reports = []

    def alter(self, field, value):
        setattr(self, field, Zone(value) if field == "zone" else int(value))

    def run(self, now):
        due = []
        while True:
            end, run = self.zone.period(self.event, self.begin, self.week_day, self.month_start,
                                        self.month_day, self.run_at)
            if run > now:
                break
            due.append((self.begin, end, run))
            self.begin = end
        self.reports += due if self.catch_up == "all" else due[-1:]


def compare_replay(path):
    generators, made, runs, count = {}, {}, 0, 0
    for what, *row in rows(path):
        if what == "generator":
            generators[row[0]] = Generator(*row[1:])
            made[row[0]] = []
        elif what == "alter":
            generators[row[0]].alter(*row[1:])
        elif what == "run":
            runs += 1
            for generator in generators.values():
                generator.run(int(row[0]))
        elif what == "report":
            made[row[0]].append(tuple(int(field) for field in row[1:]))
    for name, generator in generators.items():
        count += len(made[name])
        if made[name] == generator.reports:
            continue
        for report in sorted(set(generator.reports) - set(made[name])):
            differ(name, "misses", *report)
        for report in sorted(set(made[name]) - set(generator.reports)):
            differ(name, "has", *report, "too many")
        if sorted(set(made[name])) != made[name]:
            differ(name, "has reports twice or not in order")
    print(f"reports={count} runs={runs}")


{"table": compare_table, "replay": compare_replay}[sys.argv[1]](sys.argv[2])
sys.exit(differences > 0)
