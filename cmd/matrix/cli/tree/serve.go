package tree

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"matrix/backends/process"
	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/cli/report"
	"matrix/cmd/matrix/serve"
)

// Serve is the command.
// It takes no lock: an apply must not be kept waiting by who looks on.
func Serve(a *app.App) *cobra.Command {
	var listen, tokenEnv, build string
	cmd := &cobra.Command{
		Use: "serve", Short: "Show the results and the running apply in a browser on this machine",
		Long: `Show the results and what runs in a browser: each apply on them live, whoever started it, cells, attempts, requests, answers, and
the reports, which are made when they are asked for. It only reads, so it may be started before, during or after any apply, and
left running. It listens on loopback; another address needs --token-env, and then a browser opens http://ADDRESS/?token=… once.

  matrix serve                    http://127.0.0.1:7373/
  matrix serve --build public     a copy that any web server can show: cells, attempts, reports, the first requests of each attempt`,
		Args: app.NoArguments,
		RunE: func(cmd *cobra.Command, args []string) error {
			// The usual folder comes to be with the first apply, which may be started after this.
			if build != "" || cmd.Flags().Changed("results") {
				if err := a.ResultsThere(); err != nil {
					return err
				}
			}
			if build != "" {
				return buildCopy(cmd.Context(), a, build)
			}
			return serveTree(cmd.Context(), a, listen, tokenEnv)
		},
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:7373", "address and port; port 0 takes a free one")
	// a token on the command line would be in the list of processes
	cmd.Flags().StringVar(&tokenEnv, "token-env", "", "name of the environment variable with the token that every request must bring")
	cmd.Flags().StringVar(&build, "build", "", "write a copy into this folder instead, which must be empty, new or a copy")
	return cmd
}

// serverOf is a server for the results.
// ReadOnly is set for all that this process does: it must never write into a tree that an apply fills.
func serverOf(a *app.App) (*serve.Server, error) {
	a.ReadOnly = true
	store, err := a.Store()
	return &serve.Server{Store: store, Results: a.Results, Version: app.Version(), Hosts: []string{"localhost", "127.0.0.1", "::1"},
		Report: func(ctx context.Context, experiment string, w io.Writer) error {
			return report.Page(ctx, a, experiment, w)
		}}, err
}

// buildCopy writes the copy and ends.
func buildCopy(ctx context.Context, a *app.App, dir string) error {
	s, err := serverOf(a)
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Build(ctx, dir); errors.Is(err, syscall.ENOSPC) {
		return app.Hint(err, "Make room there, or name another folder: nothing of the copy was left.")
	} else if err != nil {
		return err
	}
	fmt.Fprintf(a, "Written: %s\nTo look at it: python3 -m http.server -d %s\n", filepath.Join(dir, "index.html"), process.Quote(dir))
	return nil
}

// serveTree serves until ^C. Off loopback it wants a token: results hold prompts and answers.
func serveTree(ctx context.Context, a *app.App, listen, tokenEnv string) error {
	// before the port is taken, so that a wrong folder is said first
	s, err := serverOf(a)
	if err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return app.Hint(fmt.Errorf("--listen %s: %w", listen, err), "It is an address with a port, like 127.0.0.1:7373.")
	}
	if tokenEnv != "" {
		if s.Token = os.Getenv(tokenEnv); s.Token == "" {
			return app.Hint(fmt.Errorf("%s is not set", tokenEnv), "--token-env names the variable that holds the token, not the token.")
		}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		if s.Token == "" {
			return app.Hint(fmt.Errorf("--listen %s is not loopback: whoever reaches it could read all results", listen), "Give a token by --token-env NAME, or forward the port: ssh -L 7373:127.0.0.1:7373 HOST.")
		}
		if s.Numbers = host == "" || ip != nil && ip.IsUnspecified(); s.Numbers {
			if host, err = os.Hostname(); err != nil {
				return fmt.Errorf("look up this machine's name: %w", err)
			}
		}
	}
	// names by which a browser may ask; others are refused, see serve
	if !slices.Contains(s.Hosts, host) {
		s.Hosts = append(s.Hosts, host)
	}
	// the address that is said is the one that was got: port 0 is chosen here
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return app.Hint(err, "Choose another port: --listen 127.0.0.1:0 takes a free one.")
	}
	at := l.Addr().String()
	if s.Numbers { // which no browser can open
		_, port, _ := net.SplitHostPort(at)
		at = net.JoinHostPort(host, port)
	}
	fmt.Fprintf(a, "%s http://%s/ shows %s until ^C.\n", a.Style.Good("Serving:"), at, a.Results)
	if s.Token != "" {
		fmt.Fprintf(a, "A browser opens http://%s/?token=$%s once.\n", at, tokenEnv)
	}
	// No write timeout: event streams last for hours.
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
	// room for one, so that the goroutine ends whoever listens
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(l) }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done(): // the streams end with the context that they come from
		if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
			return err
		}
		<-ended
		s.Close()
		return nil
	}
}
