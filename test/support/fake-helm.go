// What `helm template` does with a chart's templates: Go's text/template with sprig, both the real ones, and the functions
// of Helm's own that a chart here may use. On stdin a JSON object: templates, by path, and what they see, `.Values` and so on.
// Any other function, and a value that is not there, is an error.
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"sort"
	"text/template"

	"github.com/Masterminds/sprig"
)

func must(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func main() {
	var input struct {
		Templates map[string]string
		Values    map[string]interface{}
	}
	must(json.NewDecoder(os.Stdin).Decode(&input))
	all := template.New("chart").Funcs(sprig.TxtFuncMap()).Option("missingkey=error")
	names := []string{}
	for name, text := range input.Templates {
		_, err := all.New(name).Parse(text)
		must(err)
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		must(all.ExecuteTemplate(os.Stdout, name, input.Values))
		fmt.Println("---")
	}
}
