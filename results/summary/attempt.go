package summary

import (
	"matrix/results/record"
	"matrix/results/table"
)

// Number is a numeric column of run.parquet; nil where it is null or no number. Of an attempt whose row was not read it
// is what the manifest says.
func (a *Attempt) Number(column string) *float64 {
	if a.row != nil {
		return table.Number(a.row, column)
	}
	if v, told := a.Summary[column]; told {
		return &v
	}
	return nil
}

// Answered is how many requests an answer came to, whatever it is worth.
func (a *Attempt) Answered() int64 {
	if repeated := a.Number(record.RequestsEnded(record.StatusRepeated)); repeated != nil {
		return a.OK + int64(*repeated)
	}
	return a.OK
}

// Run is what run.parquet says of the run beside its metrics: nothing where the row was not read.
func (a *Attempt) Run() *record.Run {
	if a.row == nil {
		return &record.Run{}
	}
	return &a.row.Run
}

// limited reports that the client, not the engine, may have been the limit.
func limited(a *Attempt) bool {
	l := a.Run().ClientLimited
	return l != nil && *l
}

// Warnings are what to know before believing a number of this attempt.
func (a *Attempt) Warnings() []string { return a.Run().Warnings }

// Why says why a metric is null, "" where there is no more to say than that it was not measured.
func (a *Attempt) Why(metric string) string {
	if a.row == nil {
		return ""
	}
	return a.row.Summary.Why[metric]
}
