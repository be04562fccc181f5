package awsfake

import (
	"context"
	"errors"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
)

// SQS is one FIFO queue.
type SQS struct {
	Calls
	Messages []sqs.SendMessageInput
}

// SendMessage is API_SendMessage: a FIFO queue needs a group, and takes a message
// with the same deduplication ID once in five minutes.
func (f *SQS) SendMessage(_ context.Context, in *sqs.SendMessageInput, _ ...func(*sqs.Options)) (*sqs.SendMessageOutput, error) {
	return &sqs.SendMessageOutput{}, f.do("SendMessage", func() error {
		if in.MessageGroupId == nil || in.MessageDeduplicationId == nil || aws.ToString(in.MessageBody) == "" {
			return errors.New("MissingParameter: MessageGroupId, MessageDeduplicationId, MessageBody")
		}
		for _, before := range f.Messages {
			if *before.MessageDeduplicationId == *in.MessageDeduplicationId {
				return nil
			}
		}
		f.Messages = append(f.Messages, *in)
		return nil
	})
}
