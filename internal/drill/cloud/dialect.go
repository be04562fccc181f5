package cloud

import (
	"bytes"
	"context"
	"io"

	awsmiddleware "github.com/aws/aws-sdk-go-v2/aws/middleware"
	"github.com/aws/smithy-go/middleware"
	smithyhttp "github.com/aws/smithy-go/transport/http"
)

// dialect reads what MiniStack writes otherwise than AWS: it calls an element of
// the list of global clusters GlobalCluster, where AWS's API model and its
// documented example say GlobalClusterMember, and a client made from the model
// then sees an empty list.
// https://docs.aws.amazon.com/AmazonRDS/latest/APIReference/API_DescribeGlobalClusters.html
func dialect(stack *middleware.Stack) error {
	return stack.Deserialize.Insert(middleware.DeserializeMiddlewareFunc("DrillDialect", translate), "OperationDeserializer", middleware.After)
}

func translate(ctx context.Context, in middleware.DeserializeInput, next middleware.DeserializeHandler) (middleware.DeserializeOutput, middleware.Metadata, error) {
	out, metadata, err := next.HandleDeserialize(ctx, in)
	response, ok := out.RawResponse.(*smithyhttp.Response)
	if err != nil || !ok || awsmiddleware.GetOperationName(ctx) != "DescribeGlobalClusters" {
		return out, metadata, err
	}
	body, err := io.ReadAll(response.Body)
	_ = response.Body.Close() // it is read
	if err != nil {
		return out, metadata, err
	}
	body = bytes.ReplaceAll(body, []byte("<GlobalCluster>"), []byte("<GlobalClusterMember>"))
	body = bytes.ReplaceAll(body, []byte("</GlobalCluster>"), []byte("</GlobalClusterMember>"))
	response.Body = io.NopCloser(bytes.NewReader(body))
	return out, metadata, nil
}
