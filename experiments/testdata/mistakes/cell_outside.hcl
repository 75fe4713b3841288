locals {
  a = cell.batch_size * 2
}
