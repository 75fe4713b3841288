package tree

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/spf13/cobra"

	"matrix/cmd/matrix/cli/app"
	"matrix/cmd/matrix/serve"
)

// Serve is the command.
func Serve(a *app.App) *cobra.Command {
	var listen, tokenEnv string
	cmd := &cobra.Command{
		Use: "serve", Short: "Show the results and the running apply in a browser on this machine",
		Long: "Show the results and the running apply in a browser: live progress, cells, attempts, requests, answers, and the reports that\n" +
			"matrix report has made. It only reads, so it may be started before, during or after any apply, and left running. It listens\n" +
			"on loopback; another address needs --token-env, and then a browser opens http://ADDRESS/?token=… once.",
		Args: app.NoArguments,
		RunE: func(cmd *cobra.Command, args []string) error { return serveTree(cmd.Context(), a, listen, tokenEnv) },
	}
	cmd.Flags().StringVar(&listen, "listen", "127.0.0.1:7373", "address and port; port 0 takes a free one")
	cmd.Flags().StringVar(&tokenEnv, "token-env", "", "name of the environment variable with the token that every request must bring")
	return cmd
}

func serveTree(ctx context.Context, a *app.App, listen, tokenEnv string) error {
	if err := a.ResultsThere(); err != nil {
		return err
	}
	host, _, err := net.SplitHostPort(listen)
	if err != nil {
		return app.Hint(fmt.Errorf("--listen %s: %w", listen, err), "It is an address with a port, like 127.0.0.1:7373.")
	}
	s := &serve.Server{Results: a.Results, Version: app.Version(), Hosts: []string{"localhost", "127.0.0.1", "::1"}}
	if tokenEnv != "" {
		if s.Token = os.Getenv(tokenEnv); s.Token == "" {
			return app.Hint(fmt.Errorf("%s is not set", tokenEnv), "--token-env names the variable that holds the token, not the token.")
		}
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		if s.Token == "" {
			return app.Hint(fmt.Errorf("--listen %s is not loopback: whoever reaches it could read all results", listen), "Give a token by --token-env NAME, or forward the port: ssh -L 7373:127.0.0.1:7373 HOST.")
		}
		s.Hosts = append(s.Hosts, host)
	}
	if s.Store, err = a.Store(); err != nil {
		return err
	}
	l, err := net.Listen("tcp", listen)
	if err != nil {
		return app.Hint(err, "Choose another port: --listen 127.0.0.1:0 takes a free one.")
	}
	fmt.Fprintf(a, "%s http://%s/ shows %s until ^C.\n", a.Style.Good("Serving:"), l.Addr(), a.Results)
	server := &http.Server{Handler: s.Handler(), ReadHeaderTimeout: 5 * time.Second, BaseContext: func(net.Listener) context.Context { return ctx }}
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
		return nil
	}
}
