package summary

// Number is a numeric column of run.parquet; nil where it is null or no number. Of an attempt whose row was not read it
// is what the manifest says.
func (a *Attempt) Number(column string) *float64 {
	var x float64
	if v, told := a.Summary[column]; a.row == nil && told {
		return &v
	}
	switch v := a.row[column].(type) {
	case float64:
		x = v
	case int64:
		x = float64(v)
	case int32:
		x = float64(v)
	default:
		return nil
	}
	return &x
}

// Text is a text column of run.parquet, "" where it is null.
func (a *Attempt) Text(column string) string {
	s, _ := a.row[column].(string)
	return s
}

// Flag is a boolean column of run.parquet, false where it is null.
func (a *Attempt) Flag(column string) bool {
	b, _ := a.row[column].(bool)
	return b
}

// Warnings are what to know before believing a number of this attempt.
func (a *Attempt) Warnings() []string {
	w, _ := a.row["warnings"].([]string)
	return w
}

// Why says why a metric is null, "" where there is no more to say than that it was not measured.
func (a *Attempt) Why(metric string) string {
	reasons, _ := a.row["null_reasons"].(map[string]string)
	return reasons[metric]
}
