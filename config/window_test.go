package config

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestTheInstancesOfAClusterRestartOneAfterTheOtherAndTheWriterLast(t *testing.T) {
	db := Database{MaintenanceWindow: "mon:23:30-tue:00:30"}
	assert.Equal(t, "mon:23:30-tue:00:00", db.WriterWindow())
	assert.Equal(t, []string{"sun:23:30-mon:00:00", "mon:00:00-mon:00:30"}, []string{db.ReaderWindow(1), db.ReaderWindow(2)})
}

func TestWindowsMeetAcrossMidnightAndTheWeeksEnd(t *testing.T) {
	for _, test := range []struct {
		daily, weekly string
		meet          bool
	}{
		{"23:30-00:30", "sun:23:00-mon:00:00", true},
		{"00:00-01:00", "sun:23:30-mon:00:30", true},
		{"23:30-00:30", "mon:00:00-mon:01:00", true},
		{"03:00-04:00", "sun:04:00-sun:05:00", false},
		{"03:00-04:00", "sun:02:00-sun:03:00", false},
		{"03:00-04:00", "sat:22:00-mon:02:00", true},
	} {
		env := small()
		env.Database.BackupWindow, env.Database.MaintenanceWindow = test.daily, test.weekly
		assert.Equal(t, test.meet, env.Validate() != nil, "%s and %s", test.daily, test.weekly)
	}
}
