package config

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"time"
)

const (
	minutesOfDay  = 24 * 60
	minutesOfWeek = 7 * minutesOfDay
)

var (
	dailyPattern  = regexp.MustCompile(`^([01]\d|2[0-3]):([0-5]\d)-([01]\d|2[0-3]):([0-5]\d)$`)
	weeklyPattern = regexp.MustCompile(`^(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):([0-5]\d)-(mon|tue|wed|thu|fri|sat|sun):([01]\d|2[0-3]):([0-5]\d)$`)
	days          = []string{"mon", "tue", "wed", "thu", "fri", "sat", "sun"}
)

// window is a stretch of the week, in minutes since Monday 00:00 UTC. It may run
// over the end of the week.
type window struct{ start, length int }

// overlaps says whether the windows share a minute of the week.
func (w window) overlaps(other window) bool {
	return (other.start-w.start+minutesOfWeek)%minutesOfWeek < w.length ||
		(w.start-other.start+minutesOfWeek)%minutesOfWeek < other.length
}

// parseDaily reads a daily window and returns Monday's.
func parseDaily(text string) (window, bool) {
	m := dailyPattern.FindStringSubmatch(text)
	if m == nil {
		return window{}, false
	}
	start, end := minutes(m[1], m[2]), minutes(m[3], m[4])
	return window{start, (end - start + minutesOfDay) % minutesOfDay}, true
}

// parseWeekly reads a weekly window.
func parseWeekly(text string) (window, bool) {
	m := weeklyPattern.FindStringSubmatch(text)
	if m == nil {
		return window{}, false
	}
	start := slices.Index(days, m[1])*minutesOfDay + minutes(m[2], m[3])
	end := slices.Index(days, m[4])*minutesOfDay + minutes(m[5], m[6])
	return window{start, (end - start + minutesOfWeek) % minutesOfWeek}, true
}

// minutes of an hour and a minute that a pattern has matched.
func minutes(hour, minute string) int {
	h, _ := strconv.Atoi(hour)
	m, _ := strconv.Atoi(minute)
	return 60*h + m
}

// instanceWindow is how long AWS has for the changes of one instance: the shortest
// maintenance window that there is.
const instanceWindow = 30 // minutes

// WriterWindow is the maintenance window of the instance that is made as the writer: the
// start of the cluster's. A change of size waits for it.
func (d Database) WriterWindow() string { return d.instanceWindow(0) }

// ReaderWindow is that of a reader, counted from 1: a day before the writer's, and half
// an hour after the reader before it. Two that restarted at once would leave nobody to
// take over, and the writer finds somebody of the new size.
func (d Database) ReaderWindow(number int) string {
	return d.instanceWindow((number-1)*instanceWindow - minutesOfDay)
}

// instanceWindow is so many minutes after the start of the cluster's window.
func (d Database) instanceWindow(offset int) string {
	weekly, ok := parseWeekly(d.MaintenanceWindow)
	if !ok {
		return "" // refused by Validate
	}
	at := func(minute int) string {
		minute = (minute + minutesOfWeek) % minutesOfWeek
		return fmt.Sprintf("%s:%02d:%02d", days[minute/minutesOfDay], minute%minutesOfDay/60, minute%60)
	}
	return at(weekly.start+offset) + "-" + at(weekly.start+offset+instanceWindow)
}

// windows is a pair that a service keeps apart: a daily one for copies and a
// weekly one for maintenance.
type windows struct {
	dailyField, daily   string
	weeklyField, weekly string
	least               time.Duration // of each
	readers             int           // whose windows follow each other from the weekly one's start, a day before it
}

// validateWindows refuses an overlap as AWS does: maintenance may restart what
// the copy is taken from.
func validateWindows(p *problems, w windows) {
	least := int(w.least.Minutes())
	daily, ok := parseDaily(w.daily)
	p.check(ok && daily.length >= least, w.dailyField, w.daily, "hh:mm-hh:mm in UTC, %d minutes or longer", least)
	weekly, ok2 := parseWeekly(w.weekly)
	p.check(ok2 && weekly.length >= least && weekly.length <= minutesOfDay, w.weeklyField, w.weekly,
		"ddd:hh:mm-ddd:hh:mm in UTC, %d minutes or longer and at most a day", least)
	if !ok || !ok2 {
		return
	}
	weekly.length = max(weekly.length, w.readers*instanceWindow)
	for day := range days {
		if (window{daily.start + day*minutesOfDay, daily.length}).overlaps(weekly) {
			p.add(w.weeklyField, w.weekly, "a time apart from %s %s", w.dailyField, w.daily)
			return
		}
	}
}
