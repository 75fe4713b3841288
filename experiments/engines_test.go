package experiments_test

import _ "matrix/backends/engines" // makes the engines known that these tests name
