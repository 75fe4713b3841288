// Package events is what an apply tells while it runs: the closed list of events, and the one stream that hands them out.
package events
