package browsertest

import (
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Page is a tab.
// It is closed with its browser.
type Page struct {
	b       *Browser
	session string // what its messages are addressed by

	mu     sync.Mutex // guards what follows: events come in while a test asks
	faults []string   // JSON of the events, as they came
	asked  []string   // addresses, in order
}

// Open opens a tab at an address and waits until it is loaded.
// It listens before it goes to the address, so that no fault of the loading is missed.
func (b *Browser) Open(url string) *Page {
	b.t.Helper()
	var target struct{ TargetID string }
	b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &target)
	var attached struct{ SessionID string }
	b.call("", "Target.attachToTarget", map[string]any{"targetId": target.TargetID, "flatten": true}, &attached)
	p := &Page{b: b, session: attached.SessionID}
	b.mu.Lock()
	b.pages[p.session] = p
	b.mu.Unlock()
	for _, domain := range []string{"Page", "Runtime", "Log", "Network"} {
		p.call(domain+".enable", nil, nil)
	}
	p.Go(url)
	return p
}

func (p *Page) call(method string, params, into any) {
	p.b.t.Helper()
	p.b.call(p.session, method, params, into)
}

// Go goes to an address.
// The test fails where it is not loaded within a minute.
func (p *Page) Go(url string) {
	p.b.t.Helper()
	p.call("Page.navigate", map[string]any{"url": url}, nil)
	// about:blank is complete at once, and is not yet the page.
	p.Sees("document.readyState === 'complete' && (location.href !== 'about:blank' || " + strconv.FormatBool(url == "about:blank") + ")")
}

// happened keeps what a page must not do: faults of its script, what the policy refused; and what it asked for.
func (p *Page) happened(method string, params json.RawMessage) {
	p.mu.Lock()
	defer p.mu.Unlock()
	switch method {
	case "Runtime.exceptionThrown":
		p.faults = append(p.faults, string(params))
	case "Log.entryAdded":
		if text := string(params); strings.Contains(text, `"level":"error"`) && !strings.Contains(text, "/favicon.ico") { // which the browser asks for itself
			p.faults = append(p.faults, string(params))
		}
	case "Network.requestWillBeSent":
		var r struct{ Request struct{ URL string } }
		if json.Unmarshal(params, &r) == nil {
			p.asked = append(p.asked, r.Request.URL)
		}
	}
}

// Faults are the errors that the page has had since the last time.
// JSON of Chromium's events; none is good.
func (p *Page) Faults() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	faults := p.faults
	p.faults = nil
	return faults
}

// Asked are the addresses that the page has asked for.
// A report must ask for nothing but itself.
func (p *Page) Asked() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]string(nil), p.asked...)
}

// Eval is what an expression comes to in the page; it may be a promise.
// into is unmarshalled from JSON; nil = the value does not matter. An exception fails the test.
func (p *Page) Eval(expression string, into any) {
	p.b.t.Helper()
	var r struct {
		Result           struct{ Value json.RawMessage }
		ExceptionDetails json.RawMessage
	}
	p.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &r)
	if r.ExceptionDetails != nil {
		p.b.t.Fatalf("%s: %s", expression, r.ExceptionDetails)
	}
	if into != nil {
		if err := json.Unmarshal(r.Result.Value, into); err != nil {
			p.b.t.Fatalf("%s: %s: %v", expression, r.Result.Value, err)
		}
	}
}

// Sees waits until an expression is true in the page.
// It asks again each 50 ms: a page draws when it likes, and sleeping for long enough is a guess.
func (p *Page) Sees(expression string) {
	p.b.t.Helper()
	for range 1200 { // a minute, on a machine that is busy
		var is bool
		p.Eval("!!("+expression+")", &is)
		if is {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	var text string
	p.Eval("document.body.innerText", &text)
	p.b.t.Fatalf("never: %s\nfaults: %s\n%s", expression, p.Faults(), text)
}

// Press presses a key: Tab, Enter, or a letter.
func (p *Page) Press(key string) {
	p.b.t.Helper()
	// the key codes that an event of a keyboard has beside the name
	codes := map[string]int{"Tab": 9, "Enter": 13, "ArrowDown": 40}
	down := map[string]any{"type": "keyDown", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}
	switch {
	case key == "Enter":
		down["text"] = "\r"
	case len(key) == 1:
		down["text"] = key
	}
	p.call("Input.dispatchKeyEvent", down, nil)
	p.call("Input.dispatchKeyEvent", map[string]any{"type": "keyUp", "key": key, "code": key, "windowsVirtualKeyCode": codes[key]}, nil)
}

// Tab goes by the keyboard to the element that a selector finds.
func (p *Page) Tab(selector string) {
	p.b.t.Helper()
	for range 200 {
		var is bool
		if p.Eval(fmt.Sprintf("document.activeElement.matches(%q)", selector), &is); is {
			return
		}
		p.Press("Tab")
	}
	p.b.t.Fatalf("no Tab leads to %s", selector)
}

// As shows the page on a screen so wide, dark or light.
// Widths are in CSS pixels; below 500 it is a phone, with its way of scaling.
func (p *Page) As(width, height int, dark bool) {
	p.b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	p.call("Emulation.setDeviceMetricsOverride", map[string]any{"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 500}, nil)
	p.call("Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}, nil)
}

// Seen takes a tab for one that is looked at, whichever is in front.
// Without it only the last that was opened is.
func (p *Page) Seen() {
	p.b.t.Helper()
	p.call("Emulation.setFocusEmulationEnabled", map[string]any{"enabled": true}, nil)
}

// Offline takes the network away, or gives it back.
// -1 is no limit.
func (p *Page) Offline(is bool) {
	p.b.t.Helper()
	p.call("Network.emulateNetworkConditions", map[string]any{"offline": is, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}, nil)
}

// Picture writes a picture of the whole page, for a person to look at.
// A PNG, beyond what the window shows.
func (p *Page) Picture(path string) {
	p.b.t.Helper()
	p.call("Page.bringToFront", nil, nil)
	var r struct{ Data []byte }
	p.call("Page.captureScreenshot", map[string]any{"captureBeyondViewport": true}, &r)
	if err := os.WriteFile(path, r.Data, 0o644); err != nil {
		p.b.t.Fatal(err)
	}
}

// Print writes the page as it is printed, a PDF.
// With backgrounds and the page's own paper size, as @page says.
func (p *Page) Print(path string) {
	p.b.t.Helper()
	var r struct{ Data []byte }
	p.call("Page.printToPDF", map[string]any{"printBackground": true, "preferCSSPageSize": true}, &r)
	if err := os.WriteFile(path, r.Data, 0o644); err != nil {
		p.b.t.Fatal(err)
	}
}
