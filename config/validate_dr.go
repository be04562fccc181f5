package config

import "time"

const (
	// recoveryPoint is the seed's recovery point objective: an alarm on the lag
	// that comes later than that comes too late.
	recoveryPoint = 5 * time.Minute
	// leastLag is the shortest lag worth an alarm: Aurora promises about a second
	// and reports it once a minute, so a lower threshold only makes noise.
	leastLag = 20 * time.Second
)

func validateDR(p *problems, e Environment) {
	dr := e.DR
	oneOf(p, "DR.Mode", dr.Mode, DRNone, DRBackup, DRStandby)
	p.check(dr.AllowDataOutsideBrazil || !dr.Mode.Copies(), "DR.Mode", string(dr.Mode),
		"%q while DR.AllowDataOutsideBrazil is false: give up the copies, or allow the transfer once it has a legal basis", DRNone)
	if dr.Mode == DRStandby {
		validateStandby(p, e)
	}
}

// validateStandby checks what only the standby mode uses.
func validateStandby(p *problems, e Environment) {
	dr := e.DR
	validateNetwork(p, "DR.Network", dr.Network, e.Secondary, e)
	if blocks := e.blocks(); len(blocks) == 2 {
		p.check(!blocks[0].prefix.Overlaps(blocks[1].prefix), blocks[1].field, blocks[1].prefix,
			"a block apart from %s %v", blocks[0].field, blocks[0].prefix)
	}
	validateDatabaseClass(p, "DR.InstanceType", dr.InstanceType, e.Secondary, dr.Mode)
	between(p, "DR.Readers", dr.Readers, 1, 16)
	p.seconds("DR.ReplicationLag", dr.ReplicationLag, leastLag, recoveryPoint)
}
