package process

type state struct{}
