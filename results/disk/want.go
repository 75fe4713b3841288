package disk

import (
	"context"
	"errors"
	"syscall"
)

// wants are the errors that are no fault of the file at which they show: the same work may go well when there is room
// again.
var wants = []error{syscall.ENOSPC, syscall.EDQUOT, syscall.EROFS, syscall.EMFILE, syscall.ENFILE, syscall.ENOMEM, context.Canceled, context.DeadlineExceeded}

// Wanting reports that an error is a want of ours, such as too few descriptors or a full disk, and tells nothing of the
// file: what failed may go well later.
func Wanting(err error) bool {
	for _, want := range wants {
		if errors.Is(err, want) {
			return true
		}
	}
	// A device that does not take our writes; one that does not give a spool back will not do so later.
	var failed *Failed
	return errors.As(err, &failed) && errors.Is(err, syscall.EIO)
}
