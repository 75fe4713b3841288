//go:build !linux

package machine

import "errors"

func forgetFiles([]string) error { return errors.New("this system has no way to drop cached files") }
