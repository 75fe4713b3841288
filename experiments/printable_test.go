package experiments_test

import (
	"strings"
	"testing"
	"unicode"

	"matrix/experiments/diagnostic"
	"matrix/experiments/lang"
	"matrix/experiments/wording"
)

func TestPrintable(t *testing.T) {
	for in, want := range map[string]string{
		"größe 5\tü\n":            "größe 5\tü\n",
		"\x1b[2J\x1b]0;title\x07": "�[2J�]0;title�",
		"back\rspace\b":           "back�space�",
		"c1 \u009b31m":            "c1 �31m",
		"raw \x9b31m":             "raw �31m",
		"\u202egnp.exe":           "�gnp.exe",
		"a\u2066b\u2069":          "a�b�",
		"line\u2028end\x00\x7f":   "line�end��",
		"👩\u200d🔬 family, 日本語, العربية": "👩\u200d🔬 family, 日本語, العربية",
	} {
		if got := wording.Printable(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPrintable(f *testing.F) {
	f.Add("\x1b[31m\u202e\u0085")
	f.Fuzz(func(t *testing.T, text string) {
		out := wording.Printable(text)
		if i := strings.IndexFunc(out, func(r rune) bool {
			return unicode.IsControl(r) && r != '\n' && r != '\t' || unicode.Is(unicode.Bidi_Control, r)
		}); i >= 0 {
			t.Errorf("%q gives %q", text, out)
		}
	})
}

// A secret has no place in a file whose text is stored with every result; its line is not shown either.
func TestSecretsAreRefused(t *testing.T) {
	for attributes, want := range map[string]string{
		`args = { hf_token = "hunter2" }`:                                              "args.hf_token",
		`args = { extra_headers = { Authorization = "Bearer hunter2" } }`:              "args.extra_headers.Authorization",
		`args = { kv_transfer_config = "{\"a\": [{\"secret\": \"hunter2\"}]}" }`:       "args.kv_transfer_config.a.secret",
		`args = { "api-key" = "hunter2" }`:                                             "args.api-key",
		`args = { kv_transfer_config = { extra = [{ admin_password = "hunter2" }] } }`: "args.kv_transfer_config.extra.admin_password",
		`options = { secret = "hunter2" }`:                                             "options.secret",
		`env = { OPENAI_API_KEY = "hunter2" }`:                                         "env.OPENAI_API_KEY",
		"attach = true\n  url = \"http://user:hunter2@host:8000/v1\"":                  "A password in url",
		"attach = true\n  url = \"http://host:8000/%zzhunter2\"":                       "No address for a url",
		"attach = true\n  url = \"ftp://host/hunter2\"":                                "No address for a url",
		"attach = true\n  url = \"host:8000/hunter2\"":                                 "No address for a url",
		"attach = true\n  url = \"http://host:99999/hunter2\"":                         "No address for a url",
		"attach = true\n  url = \"http://host/v1#hunter2\"":                            "No address for a url",
		"attach = true\n  url = \"https://hunter2@host/v1?x=1\"":                       "A password in url",
	} {
		_, diags := load(t, platformWith(attributes), lang.Options{})
		var shown strings.Builder
		diagnostic.Write(&shown, map[string][]byte{"test.hcl": []byte(platformWith(attributes))}, diags, false, 100)
		text := shown.String()
		for _, d := range diags {
			text += d.Summary + d.Detail
		}
		if !diags.HasErrors() || !strings.Contains(text, want) || strings.Contains(text, "hunter2") {
			t.Errorf("%s: %s", attributes, text)
		}
	}
	for _, attributes := range []string{
		`args = { max_num_batched_tokens = 8192, hf_token = true, tokenizer_mode = "auto" }`,
		"attach = true\n  url = \"http://host:8000/v1?api_key=hunter2\"",
	} {
		if _, diags := load(t, platformWith(attributes), lang.Options{}); diags.HasErrors() {
			t.Errorf("%s: %v", attributes, diags)
		}
	}
}

func platformWith(attributes string) string {
	return "platform \"p\" {\n  backend = \"vllm_serve\"\n  " + attributes + "\n}\n"
}
