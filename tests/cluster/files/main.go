// A web server for the models of the tests: serves the files of a folder over HTTP. main FOLDER ADDRESS
package main

import (
	"log"
	"net/http"
	"os"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("files: FOLDER ADDRESS")
	}
	log.Fatal(http.ListenAndServe(os.Args[2], http.FileServer(http.Dir(os.Args[1]))))
}
