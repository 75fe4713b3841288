// Package report turns what a results tree holds into a page that a reader can decide by: HTML, Markdown or lines in a
// terminal. Summaries and the decision are handed in; of the tree it reads only the rows that it draws.
package report
