//go:build !unix

package modelfile

import "io/fs"

// inode is unknown here: path, size and modification time must do.
func inode(fs.FileInfo) uint64 { return 0 }
