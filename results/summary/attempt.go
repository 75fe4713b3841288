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

// Endings is how many requests an answer came to, of all; of none where an import does not know how they ended.
func (a *Attempt) Endings() (answered, planned int64) {
	if a.Imported() && a.Number("requests_ok") == nil {
		return 0, 0
	}
	return a.Answered(), a.Planned
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

// Answer is one that was captured.
type Answer struct {
	record.OutputRow
	Sent [16]byte // hash of the prompt as it was sent
}

// Answers are those of the attempt, in the order of the file; none where they were not captured, or left behind.
// Without the requests nobody knows what was sent, and there are none either.
func (a *Attempt) Answers() ([]Answer, error) {
	if _, kept := a.Files[table.FileOf(record.TableOutputs)]; !kept || a.Lacks(record.TableOutputs) || a.Lacks(record.TableRequests) {
		return nil, nil
	}
	var out []Answer
	at := map[int64]int{} // by seq
	err := table.ReadOutputs(a.Dir, func(r record.OutputRow) error {
		at[r.Seq] = len(out)
		out = append(out, Answer{OutputRow: r})
		return nil
	})
	if err != nil {
		return nil, err
	}
	return out, table.ReadRequestColumns(a.Dir, []string{record.ColSeq, record.ColPhase, record.ColPromptHash}, func(r record.RequestRow) error {
		if i, kept := at[r.Seq]; kept && r.Phase == record.PhaseMeasure {
			out[i].Sent = r.PromptHash
		}
		return nil
	})
}
