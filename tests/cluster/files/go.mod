module clops.test/files

go 1.24
