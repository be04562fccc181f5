package awsfake

import (
	"context"

	"github.com/aws/aws-sdk-go-v2/service/eventbridge"
	"github.com/aws/aws-sdk-go-v2/service/eventbridge/types"
)

// Bus is an event bus of EventBridge.
type Bus struct {
	Calls
	// Rejected is how many entries it refuses in calls that succeed (API_PutEvents).
	Rejected int
	Put      []types.PutEventsRequestEntry
}

// PutEvents is API_PutEvents.
func (f *Bus) PutEvents(_ context.Context, in *eventbridge.PutEventsInput, _ ...func(*eventbridge.Options)) (*eventbridge.PutEventsOutput, error) {
	out := &eventbridge.PutEventsOutput{}
	return out, f.do("PutEvents", func() error {
		if f.Rejected > 0 {
			f.Rejected--
			out.FailedEntryCount = 1
			out.Entries = []types.PutEventsResultEntry{{ErrorCode: new("InternalFailure"), ErrorMessage: new("try again")}}
			return nil
		}
		f.Put = append(f.Put, in.Entries...)
		out.Entries = []types.PutEventsResultEntry{{EventId: new("e")}}
		return nil
	})
}
