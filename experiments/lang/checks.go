package lang

import (
	"cmp"
	"fmt"
	"net/url"
	"regexp"
	"strconv"

	"matrix/experiments/cell"
	"matrix/experiments/diagnostic"
	"matrix/experiments/hclvalue"

	"github.com/hashicorp/hcl/v2"
)

// What a block's attributes must be together; each by itself is checked by its field.

// mistakeAt reports a mistake at an attribute where it is written, else at the block's label.
func (l *loader) mistakeAt(n *node, path, summary, detail string) {
	at, ok := n.ranges[path]
	if !ok {
		at = n.at
	}
	l.diags = l.diags.Append(diagnostic.Error(at, summary, detail))
}

// checkDataset wants one source of prompts. A path that is not known yet says nothing.
func (l *loader) checkDataset(n *node, d *cell.Dataset) {
	path := hclvalue.Attribute(n.value, "path")
	switch {
	case path.IsKnown() && d.Path == "" && d.Synthetic == nil:
		l.mistakeAt(n, "", "Dataset without prompts",
			`Give it a path, or synthetic = { input_tokens = 200, output_tokens = 100 }.`)
	case d.Path != "" && d.Synthetic != nil:
		l.mistakeAt(n, "synthetic", "Dataset with two sources",
			"A dataset is read from its path or made up as synthetic says, not both. Remove one.")
	}
}

// checkModel asks each engine what is wrong with the part that it would load.
func (l *loader) checkModel(n *node, m *cell.Model) {
	for _, p := range cell.ModelParts() {
		v := hclvalue.Attribute(n.value, p.Name)
		if p.Check == nil || m.Parts[p.Name] == nil || !v.IsWhollyKnown() {
			continue
		}
		if summary, detail := p.Check(m.Parts[p.Name]); summary != "" {
			l.mistakeAt(n, p.Name, summary, detail)
		}
	}
}

// environName is what can name an environment variable; a key put there by mistake seldom looks like that.
var environName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// checkPlatform looks for what keeps a server from being reached, and for keys where they would be seen. What may hold one is never
// shown: the source line ends where the value begins.
// A url that is not known yet says nothing, as with a dataset's path.
func (l *loader) checkPlatform(n *node, p *cell.Platform) {
	known := hclvalue.Attribute(n.value, "url").IsKnown()
	switch {
	case known && p.URL == "" && p.Kind().Attached:
		l.mistakeAt(n, "backend", "Platform without a url", fmt.Sprintf(`%s talks to a server that runs already: give its url = "http://host:8000/v1".`, p.Backend))
	case known && p.URL == "" && p.Attach:
		l.mistakeAt(n, "attach", "Platform without a url", `attach = true uses a server that runs already: give its url.`)
	}
	if u, wrong := httpAddress(p.URL); p.URL != "" && (wrong != "" || u.User != nil) {
		d := diagnostic.Error(n.ranges["url"], "No address for a url", wrong)
		if wrong == "" {
			d = diagnostic.Error(n.ranges["url"], "A password in url", "It would be seen in every message and in the process list. Name the variable that holds the key in api_key_env; a server that wants a user and a password needs a proxy before it.")
		}
		diagnostic.Withhold(d)
		l.diags = l.diags.Append(d)
	}
	if p.APIKeyEnv != "" && !environName.MatchString(p.APIKeyEnv) {
		// The range ends behind the name: a diagnostic shows the source it covers, and the value may be the key.
		at := n.ranges["api_key_env"]
		at.End = hcl.Pos{Line: at.Start.Line, Column: at.Start.Column + len("api_key_env"), Byte: at.Start.Byte + len("api_key_env")}
		d := diagnostic.Error(at, "Not an environment variable",
			"api_key_env is the name of the environment variable that holds the key, never the key itself. Take the key out of this file.")
		d.Extra = diagnostic.Withheld{}
		l.diags = l.diags.Append(d)
	}
}

// httpAddress reads a url; wrong says what keeps a request from being sent there, without the url, in which a key may stand.
// u is nil only where the text is no URL at all.
func httpAddress(text string) (u *url.URL, wrong string) {
	u, err := url.Parse(text)
	if err != nil {
		return nil, "It cannot be read as http://host:8000/v1."
	}
	port, err := strconv.Atoi(cmp.Or(u.Port(), "80"))
	switch {
	case u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "":
		return u, "It begins with http:// or https:// and the server's name, as in http://host:8000/v1."
	case err != nil || port < 1 || port > 65535:
		return u, "A port is a number from 1 to 65535."
	case u.Fragment != "":
		return u, "What stands behind # is never sent to a server."
	}
	return u, ""
}
