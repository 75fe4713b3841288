experimnt "e" {
}
